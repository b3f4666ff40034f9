"""The process whose memory is measured: ``python -m edge_nt.bench.memory_child BUNDLE BACKEND THREADS FRAMES``."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from edge_nt.bench.frames import golden_frames
from edge_nt.errors import EdgeNtError, MissingDependencyError
from edge_nt.runtime.reconstructor import load_unjudged


def peak_mb(status: Path = Path("/proc/self/status")) -> float:
    """The peak resident memory of this process so far in MB. Raises: MissingDependencyError where Linux is not."""
    text = status.read_text(encoding="ascii") if status.exists() else ""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise MissingDependencyError(expected=f"VmHWM in {status}", got="none", fix="measure memory on Linux")
    return int(found[1]) * 1024 / 1e6


def main(folder: str, backend: str, threads: str, count: str) -> None:
    """Print the peaks after the imports, after the load and after the frames, as one JSON array."""
    imports_mb = peak_mb()
    reconstructor = load_unjudged(folder, None if threads == "default" else int(threads), backend)
    loaded_mb = peak_mb()
    frames = golden_frames(Path(folder))
    for index in range(int(count)):
        reconstructor(frames[index % len(frames)])
    print(json.dumps([round(value, 1) for value in (imports_mb, loaded_mb, peak_mb())]))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except EdgeNtError as error:
        sys.exit(str(error))
