"""Writes that failed in a stream that must go on: all counted, each kind said once a minute."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from edge_nt.errors import EdgeNtError
from edge_nt.stream.unexpected import place_of, type_name

# A full disk fails thirty times a second; a line a minute is what a person can still read after a weekend.
_SAY_AGAIN_S = 60.0


class WriteErrors:
    """Takes every failed write; `say` gets a line for the first of its kind, and then at most one a minute.

    A kind is the sink, the type of the error and, where the system gave one, its number: full and read-only are two.
    """

    def __init__(self, say: Callable[[str], None], say_again_s: float = _SAY_AGAIN_S) -> None:
        self._say = say
        self._say_again_s = say_again_s
        self._said_s: dict[tuple[str, str, int | None], float] = {}
        self._unsaid: dict[tuple[str, str, int | None], int] = {}
        self.count = 0

    def add(self, sink: str, error: Exception) -> None:
        """Count one write that failed, and say so when it is time."""
        self.count += 1
        kind = (sink, type_name(error), getattr(error, "errno", None))
        self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
        now_s = monotonic()
        if kind in self._said_s and now_s - self._said_s[kind] < self._say_again_s:
            return
        self._said_s[kind] = now_s
        times = self._unsaid.pop(kind)
        often = "" if times == 1 else f" ({times} times since this was last said)"
        # Errors of the system and ours say what is wrong; any other is a defect, to be found by its place.
        foreseen = isinstance(error, (OSError, EdgeNtError))
        what = str(error) if foreseen else f"{type_name(error)}: {error} at {place_of(error)}"
        self._say(f"{sink} could not be written{often}, and frames go on without it: {what}")
