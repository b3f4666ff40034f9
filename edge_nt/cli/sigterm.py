"""A stop by a service manager, for commands whose output is whole or absent."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def sigterm_ends() -> Iterator[None]:
    """A service manager's stop unwinds like Ctrl-C: nothing half-written is left. Exit code 143."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
