"""A service's log: one line an event on stderr, as journald likes it, and never more than a disk can bear."""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal, TextIO

from edge_nt.errors import EdgeNtError

_log = logging.getLogger(__name__)
LogFormat = Literal["text", "json"]

# Events of one kind within a window; the rest of it is counted and told with the next line of that kind.
BURST = 10
WINDOW_S = 60.0
# sd-daemon(3): the priorities of syslog(3) before a line.
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass
class _Window:
    start_s: float
    lines: int = 0
    left_out: int = 0


class RateLimit(logging.Filter):
    """Passes the first `BURST` events of a kind in each window; a kind is the place in the source that logs it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._windows: dict[tuple[str, int], _Window] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the record, which then knows how many like it were left out before."""
        kind = record.pathname, record.lineno
        window = self._windows.get(kind)
        record.left_out = 0
        if window is None or self._clock() - window.start_s >= WINDOW_S:
            record.left_out = window.left_out if window else 0
            window = self._windows[kind] = _Window(self._clock())
        if window.lines == BURST:
            window.left_out += 1
            return False
        window.lines += 1
        return True


class LineFormatter(logging.Formatter):
    """One line an event whatever a file's name holds, with a priority for journald or with the time for a person."""

    def __init__(self, style: LogFormat, *, journal: bool) -> None:
        super().__init__()
        self._form = style
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        message = record.getMessage()
        if record.exc_info:
            # A fault of ours: its trace is worth more than a short line, and still is one line.
            message += " " + self.formatException(record.exc_info)
        left_out = getattr(record, "left_out", 0)
        if self._form == "json":
            line = json.dumps(_event(record, message, left_out))
        else:
            more = f" ({left_out} more like it were not logged)" if left_out else ""
            line = _CONTROL.sub(lambda found: repr(found[0])[1:-1], message + more)
        if self._journal:
            return f"<{_priority(record.levelno)}>{line}"
        return line if self._form == "json" else f"{self.formatTime(record)} {record.levelname.lower()}: {line}"


@contextmanager
def own_stderr() -> Iterator[TextIO]:
    """Where stderr leads now, under a descriptor of its own: decoders are listened to by taking the common one away.

    Once the block is left, traces of a crash go nowhere.
    """
    try:
        descriptor = os.dup(2)
    except OSError:  # A process without stderr.
        descriptor = os.open(os.devnull, os.O_WRONLY)
    stream = os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")
    try:
        yield stream
    finally:
        faulthandler.disable()
        # What could not be written before cannot be now, and is no reason to end otherwise.
        with suppress(OSError):
            stream.close()


@contextmanager
def event_log(
    style: LogFormat = "text", environment: Mapping[str, str] = os.environ, stream: TextIO | None = None
) -> Iterator[None]:
    """Write the events of edge-nt from INFO up, of other packages from WARNING up, to `stream` within the block.

    None is the process's stderr.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter(style, journal=_is_journal(environment)))
    handler.addFilter(RateLimit())
    root, own = logging.getLogger(), logging.getLogger("edge_nt")
    root.addHandler(handler)
    own.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        own.setLevel(logging.NOTSET)


def log_error(error: EdgeNtError) -> None:
    """What ended the service, as one line."""
    _log.error("%s", error)


def log_defect(error: Exception) -> None:
    """What nobody foresaw and ended the service, with its trace, as one line."""
    _log.error("a defect of edge-nt, or of a library:", exc_info=error)


def _event(record: logging.LogRecord, message: str, left_out: int) -> dict[str, object]:
    event: dict[str, object] = {"at_s": round(record.created, 3), "level": record.levelname.lower()}
    event |= {"logger": record.name, "message": message}
    return event | ({"left_out": left_out} if left_out else {})


def _priority(level: int) -> int:
    return next((priority for at_least, priority in _PRIORITIES if level >= at_least), 7)


def _is_journal(environment: Mapping[str, str]) -> bool:
    # systemd.exec(5): the variable is inherited by whom it does not concern, so device and inode are compared.
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
