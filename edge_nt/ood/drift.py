"""Whether the frames of a cart have changed over hours and weeks, told apart from a bad moment of one examination.

Frames of one examination resemble each other, so an examination gives one value: the score of one of its frames, drawn
at random. A conformal test martingale (martingale.py) bets that these values have grown; it alarms when its wealth
passes 1 / `alarm_probability`, which it does once, ever, with at most that probability while nothing changes. Beside
it stand plain figures of every hour for a person to look at. Memory is bounded; `record()` is everything, for JSON.

What values are compared with is the caller's choice. Ranked from the start among held-in scans (`reference`), a stream
alarms when it is unlike those *or* changes. Without, the first examinations are themselves the standard.

Which frames are one examination: those of one `exam` name, where the caller knows (a file, a study). Else
frames between which no `_PAUSE_S` passed without a frame that was in contact, at most `_LONGEST_S` at a time; frames
out of distribution count in the hours but are then no part of any, so that a probe put away is no examination.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from edge_nt.errors import InputError
from edge_nt.ood.combined_scorer import OodScore
from edge_nt.ood.conformal import HeldInScores
from edge_nt.ood.drift_record import DriftRecord, HourRecord, OpenExam
from edge_nt.ood.hours import Hour
from edge_nt.ood.martingale import CELLS, Jumper, OnlineRanks, chance
from edge_nt.ood.watch import STATES, OodStateName

_PAUSE_S = 60.0
_LONGEST_S = 600.0
_HOURS_KEPT = 31 * 24
_SET_BACK_HOURS = 24
# Draws of one kind are apart from those of another.
_DRAW_PATIENT, _DRAW_FRAME, _BREAK_TIE = range(3)


@dataclass(frozen=True)
class DriftState:
    """What the monitor says: `wealth_log10` of its bet after `exams` values, and when it first passed the alarm level.

    `alarmed_at_s` is the time of the frame that was the value, None while there was no alarm. It stays: a person
    looks, and begins anew.
    """

    exams: int
    wealth_log10: float
    highest_log10: float
    alarm_log10: float
    alarmed_at_s: float | None
    alarmed_after_exams: int | None

    @property
    def alarm(self) -> bool:
        """Whether the alarm was ever raised."""
        return self.alarmed_at_s is not None


class DriftMonitor:
    """Follows one cart; `model` says whose scores these are, such as the SHA-256 of a bundle, and stands in the record.

    The same `seed` and frames give the same draws, so the same alarms.
    """

    def __init__(
        self, model: str, reference: HeldInScores | None = None, *, alarm_probability: float = 0.01, seed: int = 0
    ) -> None:
        if not 0 < alarm_probability < 1:
            raise InputError(
                expected="an alarm probability within (0, 1)", got=f"{alarm_probability}", fix="pass, for example, 0.01"
            )
        self._model, self._seed, self._alarm_log = model, seed, -math.log(alarm_probability)
        self._ranks, self._bet, self._highest_log = OnlineRanks(), Jumper(), 0.0
        self._alarmed: tuple[float, int] | None = None
        self._exam: OpenExam | None = None
        self._hour: Hour | None = None
        self._hours: deque[HourRecord] = deque(maxlen=_HOURS_KEPT)
        self._exams_seen = 0
        if reference is not None:
            self._compare_with(reference)

    @classmethod
    def restored(cls, record: DriftRecord) -> DriftMonitor:
        """The monitor as it was when it gave `record`. Raises: InputError when no monitor gave such a record."""
        record.check()
        monitor = cls(record.model, alarm_probability=record.alarm_probability, seed=record.seed)
        counts = np.zeros(CELLS, np.int64)
        for cell, count in record.counts.items():
            counts[int(cell)] = count
        monitor._ranks = OnlineRanks(counts)
        monitor._bet = Jumper(record.log_wealth, np.array(record.shares), record.values)
        monitor._highest_log, monitor._exams_seen = record.highest_log, record.exams_seen
        if record.alarmed_at_s is not None and record.alarmed_after_exams is not None:
            monitor._alarmed = record.alarmed_at_s, record.alarmed_after_exams
        monitor._exam = record.exam
        monitor._hours.extend(record.hours)
        monitor._hour = None if record.hour is None else Hour(record.hour)
        return monitor

    def update(self, taken_at_s: float, score: OodScore, state: OodStateName, exam: str | None = None) -> None:
        """Take a frame with the watch's state at it. Raises: InputError for a time that is not finite."""
        self._hour_of(taken_at_s).add(score, out=state == STATES[-1])
        if exam is None and state == STATES[-1]:
            return
        if self._exam is not None and _over(self._exam, taken_at_s, exam):
            self.finish_exam()
        if self._exam is None:
            self._exams_seen += 1
            self._exam = OpenExam(exam, taken_at_s, taken_at_s, 0, score.score, taken_at_s)
        frames = self._exam.frames + 1
        self._exam = replace(self._exam, last_s=taken_at_s, frames=frames)
        # The n-th frame takes the place of the one drawn so far with probability 1/n, so each is as likely in the end.
        if chance(self._seed, _DRAW_FRAME, self._exams_seen, frames) * frames < 1:
            self._exam = replace(self._exam, drawn_score=score.score, drawn_at_s=taken_at_s)

    def fail(self, taken_at_s: float) -> None:
        """Count a frame that could not be scored. Raises: InputError for a time that is not finite."""
        self._hour_of(taken_at_s).fail()

    def finish_exam(self) -> None:
        """End the open examination, if any, whose drawn value is then bet on."""
        if self._exam is not None:
            self.add_value(self._exam.drawn_at_s, self._exam.drawn_score)
            self._exam = None

    def add_value(self, taken_at_s: float, score: float) -> None:
        """Bet on the score of one examination, for those who draw its frame themselves."""
        number = self._bet.steps + 1
        p_value = self._ranks.p_value(score, chance(self._seed, _BREAK_TIE, number))
        log_wealth = self._bet.update(p_value)
        self._highest_log = max(self._highest_log, log_wealth)
        if self._alarmed is None and log_wealth >= self._alarm_log:
            self._alarmed = taken_at_s, number

    @property
    def state(self) -> DriftState:
        """What the values so far say; the open examination is not among them."""
        nat = math.log(10)
        levels = self._bet.log_wealth / nat, self._highest_log / nat, self._alarm_log / nat
        alarmed_at_s, alarmed_after_exams = self._alarmed or (None, None)
        return DriftState(self._bet.steps, *levels, alarmed_at_s, alarmed_after_exams)

    @property
    def hours(self) -> tuple[HourRecord, ...]:
        """The figures of the last hours that had a frame, at most a month of them, the present one last."""
        return (*self._hours, *(() if self._hour is None else (self._hour.record(),)))

    def record(self) -> DriftRecord:
        """Everything that the monitor knows."""
        filled = np.flatnonzero(self._ranks.counts)
        alarmed_at_s, alarmed_after_exams = self._alarmed or (None, None)
        return DriftRecord(
            model=self._model,
            seed=self._seed,
            alarm_probability=math.exp(-self._alarm_log),
            counts={str(int(cell)): int(self._ranks.counts[cell]) for cell in filled},
            log_wealth=self._bet.log_wealth,
            highest_log=self._highest_log,
            shares=tuple(self._bet.shares.tolist()),
            values=self._bet.steps,
            exams_seen=self._exams_seen,
            alarmed_at_s=alarmed_at_s,
            alarmed_after_exams=alarmed_after_exams,
            exam=self._exam,
            hour=None if self._hour is None else self._hour.open_record(),
            hours=tuple(self._hours),
        )

    def _compare_with(self, reference: HeldInScores) -> None:
        """One score of each held-in patient, drawn as the frame of an examination is."""
        for patient in range(reference.patient_count):
            scores = reference.scores[reference.patients == patient]
            self._ranks.add(float(scores[int(chance(self._seed, _DRAW_PATIENT, patient) * len(scores))]))

    def _hour_of(self, taken_at_s: float) -> Hour:
        if not math.isfinite(taken_at_s):
            raise InputError(expected="a finite time of a frame in seconds", got=f"{taken_at_s}", fix="pass Unix time")
        number = int(taken_at_s // 3600)
        # A clock that is set back a little does not open an hour again; where it is more, the later time was wrong, and
        # must not take in all hours until then.
        if self._hour is None or not -_SET_BACK_HOURS < number - self._hour.number <= 0:
            if self._hour is not None:
                self._hours.append(self._hour.record())
            self._hour = Hour.begin(number)
        return self._hour


def _over(exam: OpenExam, at_s: float, name: str | None) -> bool:
    if name is not None or exam.name is not None:
        return name != exam.name
    return not (0 <= at_s - exam.last_s < _PAUSE_S and at_s - exam.first_s < _LONGEST_S)
