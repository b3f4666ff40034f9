"""Peak memory of one bundle on one backend, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from edge_nt.bench.variant import Variant

_TIMEOUT_S = 120


@dataclass(frozen=True)
class MemoryResult:
    """Peaks of resident memory (VmHWM) in MB of 1e6 bytes, or why there are none.

    `imports_mb`: Python, numpy, OpenCV and edge_nt before the load; `loaded_mb`: after the load, the backend's own
    library included; `frames_mb`: after `frames` frames.
    """

    variant: str
    frames: int
    imports_mb: float | None
    loaded_mb: float | None
    frames_mb: float | None
    not_measured: str | None


def measure_memory(variants: Sequence[Variant], count: int) -> tuple[MemoryResult, ...]:
    """Run each bundle's golden frames, enlarged, in a fresh process; a peer shares a process and is not measured."""
    return tuple(_measure(variant, count) for variant in variants)


def _measure(variant: Variant, count: int) -> MemoryResult:
    if variant.folder is None:
        return _without(variant, count, "a peer, which needs the workstation's libraries in its process")
    identity = variant.identity
    threads = "default" if identity.threads is None else str(identity.threads)
    command = [sys.executable, "-m", "edge_nt.bench.memory_child"]
    command += [str(variant.folder), identity.backend, threads, str(count)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return _without(variant, count, f"its process did not end within {_TIMEOUT_S} s")
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        return _without(variant, count, last[0])
    try:
        # The last line: an engine may have printed something before.
        imports_mb, loaded_mb, frames_mb = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError) as error:
        return _without(variant, count, f"its process told no memory: {error}")
    return MemoryResult(variant.name, count, imports_mb, loaded_mb, frames_mb, None)


def _without(variant: Variant, count: int, reason: str) -> MemoryResult:
    return MemoryResult(variant.name, count, None, None, None, reason)
