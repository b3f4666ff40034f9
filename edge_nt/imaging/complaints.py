"""What the image decoders print to stderr, caught: the only sign by which they tell of data they made up."""

from __future__ import annotations

import os
import tempfile
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
    with _LOCK, tempfile.TemporaryFile() as caught:
        try:
            saved = os.dup(_STDERR)
        except OSError:
            # The process has no stderr, so there is nothing to keep clean.
            yield lines
            return
        os.dup2(caught.fileno(), _STDERR)
        try:
            yield lines
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
            caught.seek(0)
            text = caught.read()
            lines += text.decode("utf-8", "replace").splitlines()
            if text and not any(mark in line for mark in _MARKS for line in lines):
                os.write(_STDERR, text)
