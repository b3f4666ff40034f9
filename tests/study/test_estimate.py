"""How long a study takes, from how long its parts do."""

import pytest
from tiny_study import Trained

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.study.estimate import PlannedJob, makespan_s, plan_study, seconds_of
from edge_nt.study.slots import Slot, environment_of, pick_slots
from edge_nt.study.step_timing import Timing
from edge_nt.study.study_folder import Job

STAGE1, CONTROL, STAGE2 = (Job("a", 0, arm) for arm in ("stage1", "control", "stage2"))
TIMING = Timing(1.0, 2.0, 10.0, 20.0, 4.0, 7.0)


def test_a_job_takes_its_steps_its_validations_and_what_comes_before_and_after() -> None:
    assert seconds_of(PlannedJob(STAGE1, 100, 0, finished=False), TIMING, 50) == 10 + 100 + 2 * 2 + 4 + 7
    assert seconds_of(PlannedJob(STAGE2, 100, 60, finished=False), TIMING, 50) == 20 + 80 + 4 + 7
    assert seconds_of(PlannedJob(STAGE2, 100, 100, finished=True), TIMING, 50) == 0


def test_arms_wait_for_their_stage_1_and_share_the_slots() -> None:
    seconds = {STAGE1: 10.0, CONTROL: 3.0, STAGE2: 4.0}
    assert makespan_s(seconds, 1) == 17
    assert makespan_s(seconds, 2) == 14
    assert makespan_s({CONTROL: 3.0, STAGE2: 4.0}, 2) == 4
    other = {Job("b", 0, job.arm): each for job, each in seconds.items()}
    # Both stages 1 until 10; then 3, 4, 3 and 4 in that order on two slots, the last from 14.
    assert makespan_s({**seconds, **other}, 2) == 18
    assert makespan_s({}, 2) == 0


def test_a_finished_study_has_nothing_left(trained: Trained) -> None:
    plans = plan_study(trained.study)
    assert [(plan.job.arm, plan.steps, plan.steps_done, plan.finished) for plan in plans] == [
        (arm, 3, 3, True) for arm in ("stage1", "control", "stage2")
    ]


def test_slots_are_what_was_asked_for() -> None:
    assert pick_slots("cpu", 3) == (Slot("cpu"),) * 3
    with pytest.raises(InputError):
        pick_slots("cpu", 0)


def test_gpus_are_those_that_torch_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_nt.study.slots._gpus", lambda: 0)
    with pytest.raises(MissingDependencyError):
        pick_slots("cuda", 1)
    with pytest.raises(InputError, match="devices auto, cpu, cuda or a list"):
        pick_slots("tpu", 1)  # a word that is none is no missing GPU
    monkeypatch.setattr("edge_nt.study.slots._gpus", lambda: 2)
    assert pick_slots("auto", 1) == (Slot("cuda", 0), Slot("cuda", 1))
    assert pick_slots("cuda:1", 1) == (Slot("cuda", 1),)
    for devices, workers in (("tpu", 1), ("cuda:x", 1), ("cuda:2", 1), ("cuda:0,cuda:0", 1), ("cuda", 2)):
        with pytest.raises(InputError):
            pick_slots(devices, workers)


@pytest.mark.parametrize(("in_sight", "gpu"), [(None, "1"), ("2,3", "3"), ("GPU-89f9, GPU-d3f1", "GPU-d3f1")])
def test_an_arm_sees_its_own_gpu_among_those_in_sight(
    in_sight: str | None, gpu: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if in_sight is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", in_sight)
    assert environment_of(Slot("cuda", 1), 2)["CUDA_VISIBLE_DEVICES"] == gpu
    assert environment_of(Slot("cpu"), 2).get("CUDA_VISIBLE_DEVICES") == in_sight
