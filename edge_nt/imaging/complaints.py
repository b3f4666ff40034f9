"""What the image decoders print to stderr, caught: the only sign by which they tell of data they made up."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

_STDERR = 2
_MARKS = (
    *("libpng", "JPEG", "JFIF", "Adobe", "Inconsistent progression", "Invalid SOS", "TIFF", "OpenJPEG"),
    *("[ WARN:", "[ERROR:", " @ 0x", "FFMPEG", "Truncating packet"),
)
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
        _open_stderr()
        heard, told = os.pipe()
        try:
            saved = os.dup(_STDERR)
        except OSError:
            os.close(heard)
            os.close(told)
            raise
        for end in (heard, told):
            os.set_blocking(end, False)
        os.dup2(told, _STDERR)
        os.close(told)
        try:
            with _speaking():
                yield lines
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
            text = _all_of(heard)
            lines += text.decode("utf-8", "replace").splitlines()
            if text and not any(mark in line for mark in _MARKS for line in lines):
                os.write(_STDERR, text)


@contextmanager
def _speaking() -> Iterator[None]:
    """OpenCV's own words on a TIFF pass through its log, which somebody may have silenced."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(max(level, cv2.utils.logging.LOG_LEVEL_WARNING))
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _open_stderr() -> None:
    """Give a process that has no stderr one that leads nowhere: what decoders say would be lost, or end in a file."""
    try:
        os.fstat(_STDERR)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere != _STDERR:
            os.dup2(nowhere, _STDERR)
            os.close(nowhere)


def _all_of(pipe: int) -> bytes:
    """What stands in a pipe of which no writer is left, which is closed."""
    with os.fdopen(pipe, "rb") as file:
        return file.read() or b""
