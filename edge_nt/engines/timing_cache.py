"""How long each kernel took in earlier builds: kept for one GPU and TensorRT version, so that a build need not measure
it again.
"""

from __future__ import annotations

from pathlib import Path

from edge_nt.atomic import atomic_file
from edge_nt.cache_folder import cache_folder
from edge_nt.engines.platform import EnginePlatform

_LARGEST_BYTES = 256 << 20


def read_timing_cache(platform: EnginePlatform) -> bytes:
    """What earlier builds kept; empty when there is nothing. TensorRT checks that it fits before it uses it."""
    try:
        path = _path(platform)
        return path.read_bytes() if path.stat().st_size <= _LARGEST_BYTES else b""
    except (OSError, RuntimeError):
        return b""


def store_timing_cache(platform: EnginePlatform, content: bytes) -> bool:
    """Keep it for the next build; whether it could be written."""
    try:
        with atomic_file(_path(platform)) as temporary:
            temporary.write_bytes(content)
    except (OSError, RuntimeError):
        return False
    return True


def _path(platform: EnginePlatform) -> Path:
    """Raises: RuntimeError on a machine where the user has no home."""
    return cache_folder() / f"timing-{platform.tag}.cache"
