"""Memory and swap against what a bundle takes."""

from __future__ import annotations

from pathlib import Path

from edge_nt.bundle.read import read_bundle
from edge_nt.errors import EdgeNtError
from edge_nt.health.check import Check, fail, not_measured, ok, warn
from edge_nt.health.scope import Scope
from edge_nt.sensors.board import read_board
from edge_nt.sensors.memory import MemoryState, peak_resident_mb, read_memory
from edge_nt.sensors.not_measured import NotMeasured

# Without a bundle to load: about twice the 269 MB of the hungriest variant in benchmarks/results/0.3.0/bench.json.
_NEED_MB = 540.0
_SPARE = 2.0
# Building a TensorRT plan takes gigabytes for a moment, of memory that the GPU shares.
_SMALL_JETSON_MB = 9000.0
_ADD_SWAP = "add a swap file: sudo fallocate -l 8G /swapfile, chmod 600, mkswap, swapon, and a line in /etc/fstab"


def check_memory(scope: Scope) -> tuple[Check, ...]:
    """Free memory, after the bundle's own check has loaded it in this process; and swap."""
    found = read_memory(scope.root)
    if isinstance(found, NotMeasured):
        return (not_measured("memory", found),)
    return _memory(found, scope), _swap(found, jetson=read_board(scope.root).is_jetson)


def _memory(found: MemoryState, scope: Scope) -> Check:
    peak = peak_resident_mb(scope.root)
    measured = scope.bundle is not None and _is_whole(scope.bundle) and not isinstance(peak, NotMeasured)
    need_mb = peak if measured and isinstance(peak, float) else _NEED_MB
    origin = "this process's peak with the bundle" if measured else "twice the largest that was measured"
    seen = f"{found.available_mb:.0f} of {found.total_mb:.0f} MB available; needed {need_mb:.0f} MB ({origin})"
    close = "close other programs, or use a board with more memory"
    if found.available_mb < need_mb:
        return fail("memory", seen, close)
    return warn("memory", seen, close) if found.available_mb < _SPARE * need_mb else ok("memory", seen)


def _is_whole(bundle: Path) -> bool:
    """Whether the bundle's own check could load it."""
    try:
        read_bundle(bundle)
    except EdgeNtError:
        return False
    return True


def _swap(found: MemoryState, *, jetson: bool) -> Check:
    if found.swap_mb == 0:
        if jetson and found.total_mb < _SMALL_JETSON_MB:
            return warn("swap", "none: a TensorRT build may be killed for want of memory", _ADD_SWAP)
        return ok("swap", "none")
    zram_mb = found.swap_mb - found.swap_on_disk_mb
    used_mb = found.swap_mb - found.swap_free_mb
    kind = f", {zram_mb:.0f} MB of it compressed memory (zram)" if zram_mb >= 1 else ""
    seen = f"{used_mb:.0f} of {found.swap_mb:.0f} MB used{kind}"
    if used_mb > found.swap_mb / 2:
        return warn("swap", seen, "close other programs: frames that wait for swap miss their rate")
    return ok("swap", seen)
