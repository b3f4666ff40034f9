"""What the image decoders print to stderr, caught: the only sign by which they tell of data they made up."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2
_MARKS = ("libpng", "JPEG", "JFIF", "TIFF", "[ WARN:", "[ERROR:", "OpenJPEG", " @ 0x", "FFMPEG", "Truncating packet")
# The descriptor belongs to the whole process, so one decoder at a time may have it.
_LOCK = threading.Lock()


@contextmanager
def captured_complaints() -> Iterator[list[str]]:
    """Yield a list that holds, after the block, the lines that C code printed to stderr in it; the screen stays clean.

    Lines of other threads (a progress bar) that fall into the block are passed on, unless a decoder spoke as well.
    """
    lines: list[str] = []
    with _LOCK:
        # No file: a full disk would swallow the words, and a damaged picture pass for whole. What no longer fits into
        # the pipe is lost, by when enough was said.
        heard, told = os.pipe()
        try:
            saved = os.dup(_STDERR)
        except OSError as error:
            os.close(heard)
            os.close(told)
            if error.errno != errno.EBADF:
                raise
            # The process has no stderr, so there is nothing to keep clean.
            yield lines
            return
        for end in (heard, told):
            os.set_blocking(end, False)
        os.dup2(told, _STDERR)
        os.close(told)
        try:
            yield lines
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
            text = _all_of(heard)
            lines += text.decode("utf-8", "replace").splitlines()
            if text and not any(mark in line for mark in _MARKS for line in lines):
                os.write(_STDERR, text)


def _all_of(pipe: int) -> bytes:
    """What stands in a pipe of which no writer is left, which is closed."""
    with os.fdopen(pipe, "rb") as file:
        return file.read() or b""
