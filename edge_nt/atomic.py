"""Files that are whole or absent: write to a temporary name beside the target, fsync, rename."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Readers and importers skip names with this prefix: a killed process may leave one behind.
TEMPORARY_PREFIX = ".edge-nt-partial-"


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; on success it replaces `path`, on failure it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_name(path.parent, path.suffix)
    # Not by mkstemp, whose files are for their owner alone: to widen that, the process's umask would have to be asked
    # for, which no thread can do without changing it for all others.
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    mode = stat.S_IMODE(os.fstat(handle).st_mode)
    os.close(handle)
    try:
        yield temporary
        # Some writers put a new file in its place, for its owner alone.
        temporary.chmod(mode)
        fsync(temporary)
        temporary.replace(path)
        fsync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success it becomes `path` (replacing it), on failure it is removed.

    Raises: OSError, before anything is yielded, for a folder that cannot step aside: the root of a mounted disk.
    """
    path = Path(os.path.realpath(path))
    if os.path.ismount(path):
        raise OSError(errno.EBUSY, "a mounted disk cannot be replaced as a whole; name a folder on it", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_name(path.parent)
    temporary.mkdir()
    try:
        yield temporary
        for file in sorted(temporary.rglob("*")):
            fsync(file)
        fsync(temporary)
        _swap_in(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON atomically; NaN and infinity are refused, since JSON has no such number."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def _swap_in(temporary: Path, path: Path) -> None:
    if not path.exists():
        temporary.replace(path)
        fsync(path.parent)
        return
    # A non-empty folder cannot be replaced in one call: the old one steps aside first, so that the name
    # never holds a mixture of old and new files.
    aside = _temporary_name(path.parent)
    path.replace(aside)
    try:
        temporary.replace(path)
    except BaseException:
        aside.replace(path)
        raise
    # The new name is safe before the old content goes; what of that may not be deleted stays, under a name to skip.
    fsync(path.parent)
    if aside.is_dir():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.unlink()


def _temporary_name(folder: Path, suffix: str = "") -> Path:
    return folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{suffix}"


def fsync(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, would survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
