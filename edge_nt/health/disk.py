"""The disks that results and this program's own measurements go to."""

from __future__ import annotations

import os
from pathlib import Path

from edge_nt.cache_folder import cache_folder
from edge_nt.health.check import Check, fail, not_measured, ok, warn
from edge_nt.health.scope import Scope
from edge_nt.sensors.disk import DiskState, read_disk
from edge_nt.sensors.not_measured import NotMeasured

_LEAST_MB, _LITTLE_MB = 500.0, 5000.0
_LEAST_FILES, _FEW_FILES = 0.01, 0.05
_FREE = "delete or move old results, or name another folder"


def check_disk(scope: Scope) -> tuple[Check, ...]:
    """Room, number of files and the right to write, where results go; the right to write alone for the cache."""
    return _results(scope), _cache()


def _results(scope: Scope) -> Check:
    found, name = read_disk(scope.results), "disk of results"
    if isinstance(found, NotMeasured):
        return not_measured(name, found)
    if found.read_only:
        return fail(
            name, "mounted read-only", "mount it for writing (after errors: run fsck), or name another --results"
        )
    if not _writable(scope.results):
        return fail(name, f"{_user()} may not write there", "name another --results, or change the folder's owner")
    seen = f"{_words(found)}; writable by {_user()}"
    files = 1.0 if found.files_free_share is None else found.files_free_share
    if found.free_mb < _LEAST_MB or files < _LEAST_FILES:
        return fail(name, seen, _FREE)
    return warn(name, seen, _FREE) if found.free_mb < _LITTLE_MB or files < _FEW_FILES else ok(name, seen)


def _words(found: DiskState) -> str:
    files = "" if found.files_free_share is None else f", {found.files_free_share:.0%} of its files free"
    return f"{found.free_mb / 1e3:.1f} of {found.total_mb / 1e3:.1f} GB free{files}"


def _cache() -> Check:
    fix = "set EDGE_NT_CACHE to a folder that this user may write"
    try:
        folder = cache_folder()
    except RuntimeError:
        return warn("cache folder", "this user has no home: what was measured is measured again at each start", fix)
    if not _writable(folder):
        return warn(
            "cache folder", f"not writable by {_user()}: what was measured is measured again at each start", fix
        )
    return ok("cache folder", f"writable by {_user()}")


def _user() -> str:
    """Who was asked for: a service is often another user, who may write elsewhere."""
    import pwd  # Linux and macOS; elsewhere this module must still be importable.

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def _writable(folder: Path) -> bool:
    try:
        there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    except (OSError, ValueError, StopIteration):
        return False
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
