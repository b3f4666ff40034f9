"""What jetson-stats (jtop) says, where it is installed and its service answers; never within a stream's hot path.

A container that is given ``/run/jtop.sock`` has no other way to know its host's power mode. Not yet run on a device.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edge_nt.sensors.not_measured import NotMeasured

_SOCKET = "run/jtop.sock"
_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class JetsonStats:
    """The number and name of the power mode; None for what jetson-stats does not know."""

    mode_number: int | None
    mode: str | None


def read_jetson_stats(root: Path = Path("/"), timeout_s: float = _TIMEOUT_S) -> JetsonStats | NotMeasured:
    """Ask jetson-stats once, for at most `timeout_s`; or why it cannot be asked."""
    if not (root / _SOCKET).exists():
        return NotMeasured(f"no service of jetson-stats (/{_SOCKET})")
    if find_spec("jtop") is None:
        return NotMeasured("jetson-stats runs here, but its package is not in this Python environment")
    command = [sys.executable, "-m", "edge_nt.sensors.jtop_child"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return NotMeasured(f"jetson-stats did not answer within {timeout_s:g} s")
    return _answer(done.stdout)


def _answer(printed: bytes) -> JetsonStats | NotMeasured:
    try:
        # The last line: the client prints words of its own before.
        told = json.loads(printed.splitlines()[-1])
        if "refused" in told:
            return NotMeasured(f"jetson-stats: {told['refused']}")
        return JetsonStats(told["mode_number"], told["mode"])
    except (ValueError, LookupError, TypeError):
        return NotMeasured("jetson-stats answered nothing that can be read")
