"""Where this program keeps what it measured on this machine, for the person who runs it."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder named by EDGE_NT_CACHE, else ``edge-nt`` in the user's cache folder; it need not exist.

    Raises: RuntimeError on a machine where the user has no home.
    """
    named = os.environ.get("EDGE_NT_CACHE")
    if named:
        return Path(named)
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification: a relative path there is to be ignored.
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "edge-nt"
