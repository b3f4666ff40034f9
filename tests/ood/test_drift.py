from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_nt.errors import InputError
from edge_nt.ood.combined_scorer import OodComponent, OodScore
from edge_nt.ood.components import COMPONENT_NAMES
from edge_nt.ood.conformal import held_in_scores
from edge_nt.ood.drift import DriftMonitor
from edge_nt.ood.drift_record import DriftRecord
from edge_nt.ood.watch import STATES, OodStateName
from edge_nt.results import read_result, write_result

OK, _, OUT = STATES


def _scored(score: float, p_value: float = 0.5) -> OodScore:
    components = tuple(OodComponent(name, score, above=True) for name in COMPONENT_NAMES)
    return OodScore(score, 1.4, components, 10.0, "brightness", 1.0, p_value)


def _stream(seed: int, count: int, shift: float = 0.0) -> list[float]:
    return np.exp(-0.35 + shift + 0.35 * np.random.default_rng(seed).standard_normal(count)).tolist()


def _exams(monitor: DriftMonitor, scores: list[float], start: int = 0, state: OodStateName = OK) -> None:
    """One file an examination, one frame each."""
    for number, score in enumerate(scores, start):
        monitor.update(600.0 * number, _scored(score), state, exam=f"file {number}")
    monitor.finish_exam()


def _alarmed(scores: list[float], seed: int, reference: list[float] | None = None) -> int | None:
    held_in = None if reference is None else held_in_scores(np.array(reference), list(map(str, range(len(reference)))))
    monitor = DriftMonitor("m", held_in, seed=seed)
    for number, score in enumerate(scores):
        monitor.add_value(float(number), score)
    return monitor.state.alarmed_after_exams


def test_alarms_falsely_no_more_often_than_promised_and_finds_a_change() -> None:
    """Ville's bound of 1 % over the whole life of a monitor; a shift of one deviation is found in both ways."""
    for reference in (None, 60):
        given = [None if reference is None else _stream(10_000 + seed, reference) for seed in range(150)]
        false = [_alarmed(_stream(seed, 300), seed, given[seed]) for seed in range(150)]
        assert sum(each is not None for each in false) <= 5
        found = [_alarmed(_stream(s, 60) + _stream(s + 500, 80, 0.35), s, given[s]) for s in range(20)]
        assert sum(each is not None and each > 60 for each in found) >= 18


def test_a_stream_unlike_the_reference_alarms_from_the_start() -> None:
    assert all((_alarmed(_stream(s, 40, 0.7), s, _stream(s + 900, 60)) or 99) <= 20 for s in range(20))
    assert sum(_alarmed(_stream(s, 40, 0.7), s) is not None for s in range(20)) == 0


def test_an_examination_counts_once_however_many_frames_it_has() -> None:
    monitor = DriftMonitor("m")
    for exam, frames in enumerate((300, 1, 40)):
        for frame in range(frames):
            monitor.update(1000.0 * exam + frame / 30, _scored(0.5), OK)
    assert monitor.state.exams == 2  # the third is still open
    monitor.finish_exam()
    monitor.finish_exam()
    assert monitor.state.exams == 3


def test_every_frame_of_an_examination_is_as_likely_drawn() -> None:
    drawn = []
    for seed in range(2000):
        monitor = DriftMonitor("m", seed=seed)
        for frame in range(5):
            monitor.update(float(frame), _scored(float(frame)), OK)
        exam = monitor.record().exam
        assert exam is not None
        drawn.append(exam.drawn_score)
    counts = np.bincount(np.array(drawn, int), minlength=5)
    assert np.all(np.abs(counts - 400) < 4 * np.sqrt(400))


def test_a_probe_put_away_is_no_examination_and_a_long_one_gives_a_value_each_ten_minutes() -> None:
    monitor = DriftMonitor("m")
    for second in range(1000):
        monitor.update(float(second), _scored(9.0), OUT)
    monitor.finish_exam()
    assert monitor.state.exams == 0
    for second in range(1000, 2500):
        monitor.update(float(second), _scored(0.5), OK)
    assert monitor.state.exams == 2
    assert monitor.hours[0].out_share == pytest.approx(1000 / 2500)


def test_hours_are_plain_figures_and_a_month_of_them_is_kept() -> None:
    monitor = DriftMonitor("m")
    for k in range(100):
        monitor.update(7200.0 + k, _scored(k / 100, p_value=(k + 1) / 101), OUT if k < 25 else OK)
    monitor.fail(7300.0)
    hour = monitor.hours[-1]
    assert (hour.began_s, hour.frames, hour.failed, hour.out_share) == (7200, 100, 1, 0.25)
    assert hour.median_p_value == pytest.approx(0.5, abs=0.015)
    assert hour.component_means == pytest.approx((0.495,) * 3)
    for number in range(3, 2000):
        monitor.update(3600.0 * number, _scored(0.5), OK)
    assert len(monitor.hours) == 31 * 24 + 1
    monitor.fail(3600.0 * 5000)
    assert (monitor.hours[-1].frames, monitor.hours[-1].out_share) == (0, None)
    monitor.update(3600.0 * 4998, _scored(0.5), OK)  # a clock that was set back
    assert monitor.hours[-1].began_s == 3600 * 5000
    monitor.update(3600.0 * 2000, _scored(0.5), OK)  # one that had been far ahead
    assert (monitor.hours[-1].began_s, monitor.hours[-1].frames) == (3600 * 2000, 1)


@pytest.mark.parametrize("stopped", [0, 1, 77, 149])
def test_goes_on_after_a_restart_as_if_there_had_been_none(tmp_path: Path, stopped: int) -> None:
    frames = [(40.0 * k, score, OUT if k % 9 == 0 else OK) for k, score in enumerate(_stream(0, 150))]
    frames += [(40.0 * (200 + 2 * k), 5.0, OK) for k in range(40)]
    whole, broken = DriftMonitor("m", seed=4), DriftMonitor("m", seed=4)
    for k, (at_s, score, state) in enumerate(frames):
        whole.update(at_s, _scored(score), state)
        if k == stopped:
            write_result(tmp_path / "drift.json", broken.record())
            broken = DriftMonitor.restored(read_result(tmp_path / "drift.json", DriftRecord))
        broken.update(at_s, _scored(score), state)
    assert whole.record() == broken.record()
    assert whole.state == broken.state


def test_the_record_does_not_grow_with_weeks() -> None:
    monitor = DriftMonitor("m")
    scores = _stream(0, 5000)
    _exams(monitor, scores[:2500])
    month = 31 * 24 * 6
    size = len(str(monitor.record().counts))
    _exams(monitor, scores[2500:], start=month)
    assert len(str(monitor.record().counts)) < 1.5 * size
    assert monitor.state.exams == 5000


def test_the_alarm_stays_with_the_moment_it_was_raised() -> None:
    monitor = DriftMonitor("m", held_in_scores(np.array(_stream(1, 60)), list(map(str, range(60)))))
    _exams(monitor, _stream(0, 40, 1.0))
    raised = monitor.state
    assert raised.alarm
    assert raised.highest_log10 >= raised.alarm_log10 == pytest.approx(2)
    assert raised.alarmed_at_s == 600.0 * ((raised.alarmed_after_exams or 0) - 1)
    _exams(monitor, _stream(2, 400), start=40)
    later = monitor.state
    assert (later.alarmed_at_s, later.alarmed_after_exams) == (raised.alarmed_at_s, raised.alarmed_after_exams)


def _record() -> DriftRecord:
    monitor = DriftMonitor("m")
    _exams(monitor, [0.5, 0.7])
    monitor.update(9e6, _scored(0.4), OK)
    return monitor.record()


@pytest.mark.parametrize(
    "wrong",
    [
        {"counts": {"0": -1}},
        {"counts": {"99999": 2}},
        {"counts": {}},
        {"shares": (0.5, 0.5, 0.5)},
        {"shares": (2.0, -1.0, 0.0)},
        {"values": -1},
        {"log_wealth": float("nan")},
        {"alarm_probability": 0.0},
        {"alarmed_at_s": 5.0},
    ],
)
def test_records_that_no_monitor_gives_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="drift record"):
        DriftMonitor.restored(replace(_record(), **wrong))  # type: ignore[arg-type]


def test_open_hours_and_examinations_are_checked_too() -> None:
    record = _record()
    assert record.hour is not None
    assert record.exam is not None
    for wrong in (
        replace(record, hour=replace(record.hour, frames=9)),
        replace(record, hour=replace(record.hour, p_counts=(1,))),
        replace(record, exam=replace(record.exam, drawn_score=-1.0)),
        replace(record, exam=replace(record.exam, frames=0)),
    ):
        with pytest.raises(InputError, match="drift record"):
            DriftMonitor.restored(wrong)


def test_refuses_probabilities_and_times_that_are_none() -> None:
    with pytest.raises(InputError, match="alarm probability"):
        DriftMonitor("m", alarm_probability=0.0)
    with pytest.raises(InputError, match="finite time"):
        DriftMonitor("m").update(float("nan"), _scored(0.5), OK)
