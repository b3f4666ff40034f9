"""One file of /sys or /proc: its text, or None. Every reader of this room goes through here."""

from __future__ import annotations

import os
import re
from pathlib import Path

# The kernel's files are small; whatever is larger is not one of them.
_LARGEST_BYTES = 1 << 20
_NUMBER = re.compile(r"-?[0-9]{1,19}")
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def read_text(path: Path, most_bytes: int = _LARGEST_BYTES) -> str | None:
    """The file's text without the white space and NULs around it; None where it cannot be read.

    Read without Python's buffers: a sensor that is powered down (an Orin's cv zones) answers EAGAIN, which they turn
    into a TypeError.
    """
    try:
        handle = os.open(path, _FLAGS)
    except (OSError, ValueError):
        return None
    content = bytearray()
    try:
        # /proc hands out a page at a time.
        while len(content) < most_bytes and (part := os.read(handle, _LARGEST_BYTES)):
            content += part
    except OSError:
        return None
    finally:
        os.close(handle)
    return content.decode(errors="replace").strip("\0 \t\r\n")


def read_whole(path: Path) -> int | None:
    """The whole number that is all of the file; None where it is not one."""
    text = read_text(path)
    return int(text) if text and _NUMBER.fullmatch(text) else None


def entries(folder: Path, pattern: str) -> tuple[Path, ...]:
    """What matches in a folder, in order; empty where there is no such folder, or none that may be listed."""
    try:
        return tuple(sorted(folder.glob(pattern)))
    except OSError:
        return ()
