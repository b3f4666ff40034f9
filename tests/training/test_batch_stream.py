"""The batches of a stage, made one ahead in a thread."""

import json
import re
import threading
import time
from pathlib import Path

import pytest
import torch

from edge_nt.training.batch_stream import Batch, batch_stream
from edge_nt.training.waiting import Waiting, note_waiting, read_waiting

CPU = torch.device("cpu")


def _batch(step: int) -> Batch:
    return torch.full((1, 1, 2, 2), float(step)), torch.zeros(1, 1, 2, 2)


def test_every_step_gets_its_own_batch_in_order() -> None:
    got = [(step, float(frames.max())) for step, (frames, _) in batch_stream(_batch, 3, 7, CPU, Waiting())]
    assert got == [(step, float(step)) for step in range(3, 7)]
    assert list(batch_stream(_batch, 5, 5, CPU, Waiting())) == []


def test_the_next_batch_is_made_while_the_step_works() -> None:
    made: dict[int, threading.Event] = {step: threading.Event() for step in range(3)}

    def make(step: int) -> Batch:
        made[step].set()
        return _batch(step)

    for step, _ in batch_stream(make, 0, 3, CPU, Waiting()):
        # Only another thread can do so: this one is inside the step.
        assert step == 2 or made[step + 1].wait(10)


def test_waiting_is_the_share_of_steps_that_stood_still() -> None:
    def slow(step: int) -> Batch:
        time.sleep(0.02)
        return _batch(step)

    waiting = Waiting()
    for _ in batch_stream(slow, 0, 5, CPU, waiting):
        waiting.stepped()
    assert waiting.share > 0.8
    assert waiting.waited_s >= 5 * 0.015
    quick = Waiting()
    for _ in batch_stream(_batch, 0, 5, CPU, quick):
        time.sleep(0.02)
        quick.stepped()
    assert 0 < quick.share < 0.5
    assert Waiting().share == 0


def test_a_batch_that_cannot_be_made_ends_the_stage_at_its_step() -> None:
    def make(step: int) -> Batch:
        if step == 2:
            raise OSError("the disk is gone")
        return _batch(step)

    stream = batch_stream(make, 0, 5, CPU, Waiting())
    assert [next(stream)[0], next(stream)[0]] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(stream)


def test_times_of_both_stages_stand_in_one_file(tmp_path: Path) -> None:
    note_waiting(tmp_path, "stage1", Waiting(1.0, 4.0))
    note_waiting(tmp_path, "stage2", Waiting(0.0, 2.0))
    noted = json.loads((tmp_path / "timing.json").read_text())
    ended = noted["stage1"].pop("ended_utc")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", ended)
    assert noted["stage1"] == {"waited_for_data_s": 1.0, "steps_s": 4.0, "share": 0.25}
    assert list(noted) == ["stage1", "stage2"]
    assert read_waiting(tmp_path, "stage1") == Waiting(1.0, 4.0, ended)
    assert read_waiting(tmp_path, "stage3") is None


def test_times_without_a_date_are_read_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "timing.json").write_text('{"stage1": {"waited_for_data_s": 1.0, "steps_s": 4.0, "share": 0.25}}')
    assert read_waiting(tmp_path, "stage1") == Waiting(1.0, 4.0, "")
