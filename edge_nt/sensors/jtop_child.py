"""The process that asks jetson-stats: ``python -m edge_nt.sensors.jtop_child``; it prints one JSON object.

A process of its own, since the client waits for its service without a limit. Not yet run on a device.
"""

from __future__ import annotations

import json


def main() -> None:
    """Print the power mode's number and name, None where jetson-stats has none; or why it refused."""
    from jtop import jtop

    told = None
    with jtop(interval=0.5) as jetson:
        if jetson.ok():
            mode = jetson.nvpmodel
            told = {
                "mode_number": None if mode is None else int(mode.id),
                "mode": None if mode is None else str(mode.name),
            }
    # Said outside of the client, which may swallow what is raised inside.
    print(json.dumps(told or {"refused": "its service gave no data"}))


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # Its own errors share no base class with those of the connection.
        # On stdout: its threads write tracebacks of their own to stderr, also after this.
        print(json.dumps({"refused": " ".join(f"{type(error).__name__}: {error}".split())}))
