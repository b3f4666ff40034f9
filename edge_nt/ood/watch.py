"""Whether what a source shows *now* is in distribution: the score of many frames, smoothed, with states that hold.

One frame's verdict flickers, and one frame decides nothing in an examination. The watch takes the median score of the
last `window_s` and has three states:

    ok                    at or below the threshold of held-in validation
    caution               above it: one in twenty held-in scans is, so look, but it may be a scan like those
    out of distribution   above `out_above`, which no slight change of a held-in scan reaches: not a scan as those known

A state gets worse at once and better only when the median has stayed below the *lower* edge of the state for
`recover_s`. It is a function of the frames and their times alone: it has no clock, and the same stream gives the same
states. docs/ood.md says on what evidence each number was chosen.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Literal

from edge_nt.errors import InputError
from edge_nt.ood.combined import CombinedOodModel
from edge_nt.ood.combined_scorer import OodScore

OodStateName = Literal["ok", "caution", "out of distribution"]
STATES: tuple[OodStateName, ...] = ("ok", "caution", "out of distribution")
_CAUTION = 1
# More than a second of any camera; bounds a file whose frames all have one time.
_MOST_FRAMES = 256


@dataclass(frozen=True)
class WatchSettings:
    """Times in seconds, and edges as multiples of the bundle's threshold.

    `window_s` is how far back the median looks, `out_above` where out of distribution begins, `release` the share of an
    edge below which the state is left again, `recover_s` for how long, and after `gap_s` without a scored frame
    the window starts anew.
    """

    window_s: float = 1.0
    out_above: float = 1.75
    release: float = 0.85
    recover_s: float = 0.5
    gap_s: float = 2.0

    def __post_init__(self) -> None:
        times = (self.window_s, self.recover_s, self.gap_s)
        if not (all(0 < each < math.inf for each in times) and 1 < self.out_above < math.inf and 0 < self.release <= 1):
            raise InputError(
                expected="times above 0, out_above above 1 and release within (0, 1]",
                got=str(self),
                fix="correct the settings of the OOD watch",
            )


@dataclass(frozen=True)
class OodState:
    """What holds at a frame. `since_s` is the time of the frame with which the state began.

    `p_value` is the frame's own and `smoothed_p_value` that of the median score, both None where no frame was scored.
    `reason` names what made the last unusual frame unusual, or why nothing is known; empty while the state is ok.
    """

    state: OodStateName
    since_s: float
    reason: str
    score: float | None = None
    p_value: float | None = None
    smoothed_score: float | None = None
    smoothed_p_value: float | None = None


class OodWatch:
    """Follows one source; not to be shared between threads."""

    def __init__(self, model: CombinedOodModel, settings: WatchSettings | None = None) -> None:
        self.settings = settings or WatchSettings()
        self._held_in = model.held_in
        self._edges = (0.0, model.threshold, self.settings.out_above * model.threshold)
        self._frames: deque[tuple[float, float]] = deque(maxlen=_MOST_FRAMES)
        self._level: int | None = None
        self._since_s = 0.0
        self._calm_since_s: float | None = None
        self._reason = ""

    def update(self, taken_at_s: float, score: OodScore) -> OodState:
        """The state with one more frame, taken at a time in seconds; a time before the last one starts anew.

        Raises: InputError for a time that is not finite.
        """
        _check_time(taken_at_s)
        if self._frames and not 0 <= taken_at_s - self._frames[-1][0] <= self.settings.gap_s:
            self.restart()
        if not self._frames:
            self._level = None
        self._frames.append((taken_at_s, score.score))
        while self._frames[0][0] <= taken_at_s - self.settings.window_s:
            self._frames.popleft()
        if score.score > self._edges[_CAUTION]:
            self._reason = score.reason
        smoothed = median(each for _, each in self._frames)
        self._move(taken_at_s, smoothed)
        level = self._level or 0
        return OodState(
            STATES[level],
            self._since_s,
            self._reason if level else "",
            score.score,
            score.p_value,
            smoothed,
            self._held_in.p_value(smoothed),
        )

    def without_score(self, now_s: float) -> OodState:
        """What holds at `now_s` when no frame was scored, because it failed or because none came.

        The state stays as it is until nothing was scored for `gap_s`; then nothing is known, and ok becomes caution.
        Raises: InputError for a time that is not finite.
        """
        _check_time(now_s)
        quiet_s = now_s - self._frames[-1][0] if self._frames else math.inf
        # Below 0 the clock was set back, after which nobody can tell for how long.
        known = 0 <= quiet_s <= self.settings.gap_s
        if self._level is None or (not known and self._level < _CAUTION):
            self._enter(_CAUTION, now_s)
        if known:
            reason = self._reason if self._level else ""
        elif quiet_s < 0:
            reason = "no frame scored since the clock was set back"
        else:
            reason = "no frame scored" + (f" for {quiet_s:.0f} s" if self._frames else " yet")
        return OodState(STATES[self._level or 0], self._since_s, reason)

    def restart(self) -> None:
        """Forget all frames, as when another file or another probe comes next."""
        self._frames.clear()
        self._level = None
        self._reason = ""

    def _move(self, at_s: float, smoothed: float) -> None:
        if self._level is None:
            self._enter(_level(smoothed, self._edges), at_s)
            return
        worse = _level(smoothed, self._edges)
        # The state to go down to: edges up to the present one count by their lower, releasing value.
        better = _level(smoothed, tuple(edge * self.settings.release for edge in self._edges))
        if worse > self._level:
            self._enter(worse, at_s)
        elif better >= self._level:
            self._calm_since_s = None
        elif self._calm_since_s is None:
            self._calm_since_s = at_s
        elif at_s - self._calm_since_s >= self.settings.recover_s:
            self._enter(better, at_s)

    def _enter(self, level: int, at_s: float) -> None:
        if level != self._level:
            self._since_s = at_s
        self._level, self._calm_since_s = level, None


def _level(smoothed: float, edges: tuple[float, ...]) -> int:
    return max(level for level, edge in enumerate(edges) if smoothed > edge or level == 0)


def _check_time(at_s: float) -> None:
    if not math.isfinite(at_s):
        raise InputError(expected="a finite time of a frame in seconds", got=f"{at_s}", fix="pass Unix time")
