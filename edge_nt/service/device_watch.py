"""The machine's state for whoever asks, read once a second at most."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Lock

from edge_nt.sensors.state import DeviceReader, DeviceState

_HELD_S = 1.0


class DeviceWatch:
    """Reads the sensors when somebody asks; nobody asking costs nothing. `out` is the folder whose disk counts."""

    def __init__(self, out: Path, root: Path = Path("/")) -> None:
        self._reader = DeviceReader(out, root)
        self._lock = Lock()
        self._state: DeviceState | None = None
        self._read_s = 0.0

    def now(self) -> DeviceState:
        """The state, a second old at most."""
        with self._lock:
            if self._state is None or time.monotonic() - self._read_s >= _HELD_S:
                self._state = self._reader.read()
                self._read_s = time.monotonic()
            return self._state
