"""The process that asks jetson-stats: ``python -m edge_nt.sensors.jtop_child``; it prints one JSON object.

A process of its own, since the client waits for its service without a limit. Not yet run on a device.
"""

from __future__ import annotations

import json


def main() -> None:
    """Print power mode, state of jetson_clocks and watts, each None where jetson-stats has none; or why it refused."""
    from jtop import jtop

    told = None
    with jtop(interval=0.5) as jetson:
        if jetson.ok():
            mode, clocks, power = jetson.nvpmodel, jetson.jetson_clocks, jetson.power
            total_mw = power.get("tot", {}).get("power") if isinstance(power, dict) else None
            told = {
                "mode_number": None if mode is None else int(mode.id),
                "mode": None if mode is None else str(mode.name),
                "clocks_running": None if clocks is None else bool(clocks),
                "power_w": None if total_mw is None else total_mw / 1e3,
            }
    # Said outside of the client, which may swallow what is raised inside.
    print(json.dumps(told or {"refused": "its service gave no data"}))


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # Its own errors share no base class with those of the connection.
        # On stdout: its threads write tracebacks of their own to stderr, also after this.
        print(json.dumps({"refused": " ".join(f"{type(error).__name__}: {error}".split())}))
