"""The process whose memory is measured: ``python -m edge_nt.bench.memory_child BUNDLE BACKEND THREADS FRAMES``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edge_nt.bench.frames import golden_frames
from edge_nt.errors import EdgeNtError, MissingDependencyError
from edge_nt.runtime.reconstructor import load_unjudged
from edge_nt.sensors.memory import peak_resident_mb
from edge_nt.sensors.not_measured import NotMeasured


def _peak_mb() -> float:
    peak = peak_resident_mb()
    if isinstance(peak, NotMeasured):
        raise MissingDependencyError(expected="this process's peak memory", got=peak.reason, fix="measure it on Linux")
    return peak


def main(folder: str, backend: str, threads: str, count: str) -> None:
    """Print the peaks after the imports, after the load and after the frames, as one JSON array."""
    imports_mb = _peak_mb()
    reconstructor = load_unjudged(folder, None if threads == "default" else int(threads), backend)
    loaded_mb = _peak_mb()
    frames = golden_frames(Path(folder))
    for index in range(int(count)):
        reconstructor(frames[index % len(frames)])
    print(json.dumps([round(value, 1) for value in (imports_mb, loaded_mb, _peak_mb())]))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except EdgeNtError as error:
        sys.exit(str(error))
