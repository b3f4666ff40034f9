"""`edge-nt study --stage1-of`: another structure and another stage 2 on the stage 1 of a study that is there."""

import shutil
from pathlib import Path

import pytest
import torch
from tiny_study import Trained, record

from edge_nt.cli.app import main
from edge_nt.results import read_result
from edge_nt.study.arm import train_arm
from edge_nt.study.estimate import plan_study
from edge_nt.study.study_folder import Job, arm_folder, begin_study, open_study
from edge_nt.study.study_result import RESULT_NAME, Study
from edge_nt.study.summarise import summarise_study
from edge_nt.study.take_over import jobs_to_take, take_over
from edge_nt.training.checkpoint import read_facts
from edge_nt.training.device import pick_precision
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_log import read_log

STAGE1, CONTROL, STAGE2 = (Job("phantom-b", 0, arm) for arm in ("stage1", "control", "stage2"))


def changed(trained: Trained, path: Path, *changes: tuple[str, str]) -> Path:
    """The protocol of the finished study with other words in it."""
    words = trained.protocol.read_text()
    for before, after in changes:
        assert before in words
        words = words.replace(before, after)
    path.write_text(words)
    return path


def command(trained: Trained, protocol: Path, out: Path, *others: str) -> list[str]:
    options = ["--data", str(trained.data), "--protocol", str(protocol), "--out", str(out)]
    return ["study", *options, "--devices", "cpu", "--threads", "1", "--stage1-of", str(trained.study.out), *others]


def test_another_structure_branches_from_the_stage_1_that_is_there_and_needs_no_control_of_its_own(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol, out = tmp_path / "bone.toml", tmp_path / "out"
    changed(trained, protocol, ("seeds", 'structures = ["nasal bone"]\nseeds'))
    study = open_study(out, record(protocol, trained.data), trained.data)
    taken = jobs_to_take(study, trained.study.out)
    plans = [(plan.job, plan.steps_done == plan.steps, plan.finished) for plan in plan_study(study, taken)]
    assert plans == [(STAGE1, True, False), (CONTROL, True, False), (STAGE2, False, False)]
    assert main(command(trained, protocol, out, "--dry-run")) == 0
    words = capsys.readouterr()
    assert (words.out + words.err).count("trained, not scored") == 2
    assert not out.exists()
    begin_study(study)
    take_over(study, trained.study.out, taken)
    for job in (STAGE1, CONTROL, STAGE2):
        train_arm(out, trained.data, job, device="cpu", on_step=lambda _step: None, should_stop=lambda: False)
    summarise_study(out)

    theirs, ours = arm_folder(trained.study.out, STAGE1), arm_folder(out, STAGE1)
    for job, name in ((STAGE1, "stage1.safetensors"), (CONTROL, "stage2.safetensors")):
        assert (arm_folder(out, job) / name).read_bytes() == (arm_folder(trained.study.out, job) / name).read_bytes()
    branches = {read_run(arm_folder(out, job)).stage1_of for job in (STAGE1, CONTROL, STAGE2)}
    assert branches == {read_facts(theirs, "stage1")["sha256"]}
    assert read_run(ours).structures == ("nasal bone",)
    found = read_result(out / RESULT_NAME, Study)
    assert found.structures == ("nasal bone",)
    side = found.sites[0].sides[0]
    assert {metric.structure for arm in side.arms for metric in arm.metrics} == {None, "nasal bone"}
    # What was validated inside the other structure is nothing that this study may show.
    validations = [line for line in read_log(ours / "log.jsonl") if line["event"] == "validate"]
    assert validations
    assert not any(name.startswith("roi_") for line in validations for name in line)
    assert set(read_facts(ours, "stage1")["validation"]) == {"ms_ssim"}
    page = tmp_path / "page.html"
    assert main(["report", str(arm_folder(out, STAGE2)), str(out / RESULT_NAME), "--out", str(page)]) == 0
    assert page.is_file()


def test_what_would_be_another_stage_1_is_refused_before_anything_is_written(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, out = tmp_path / "other.toml", tmp_path / "out"
    changed(trained, other, ("width = 192", "width = 256"))
    assert main(command(trained, other, out)) == 2
    assert "another preprocess" in capsys.readouterr().err
    changed(trained, other, ("batch_size = 2", "batch_size = 3"))
    assert main(command(trained, other, out)) == 2
    assert "another batch_size" in capsys.readouterr().err
    assert main(command(trained, trained.protocol, out, "--stage1-of", str(tmp_path))) == 2
    assert not out.exists()


def test_only_the_same_site_and_seed_is_taken_and_what_is_begun_is_left(trained: Trained, tmp_path: Path) -> None:
    other, out = tmp_path / "other.toml", tmp_path / "out"

    def to_take(*changes: tuple[str, str]) -> tuple[Job, ...]:
        changed(trained, other, *changes)
        return jobs_to_take(open_study(out, record(other, trained.data), trained.data), trained.study.out)

    assert to_take() == (STAGE1, CONTROL)
    assert to_take(("seeds = [0]", "seeds = [1, 0]")) == (STAGE1, CONTROL)
    assert to_take(("seeds = [0]", "seeds = [1]")) == ()
    assert to_take(('"phantom-b"', '"phantom-a"')) == ()
    # A control on another schedule is another one; so is one whose stage 1 this study has trained itself.
    assert to_take(("stage2_steps = 3", "stage2_steps = 4")) == (STAGE1,)
    shutil.copytree(arm_folder(trained.study.out, STAGE1), arm_folder(out, STAGE1))
    assert to_take() == (CONTROL,)
    facts = arm_folder(out, STAGE1) / "stage1.json"
    facts.write_text(facts.read_text().replace(str(read_facts(facts.parent, "stage1")["sha256"]), "0" * 64))
    assert to_take() == ()


def test_ablations_minimise_what_they_say_and_arms_side_by_side_train_as_one_by_one(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol, out = tmp_path / "ablations.toml", tmp_path / "out"
    arms = ("stage2", "no-edge", "no-l1", "equal-weights")
    changed(trained, protocol, ('["control", "stage2"]', str(list(arms)).replace("'", '"')))
    assert main(command(trained, protocol, out, "--workers", "2")) == 0
    assert f"{STAGE1}: taken over from" in " ".join(capsys.readouterr().err.split())
    found = read_result(out / RESULT_NAME, Study)
    assert found.complete
    training = {each.arm: each for each in found.sites[0].trainings}
    assert training["stage2"].checkpoint_sha256 == read_facts(arm_folder(trained.study.out, STAGE2), "stage2")["sha256"]
    assert training["equal-weights"].loss_weights == {"ms_ssim": 1.0, "roi_l1": 1.0, "roi_edge_l1": 1.0}
    assert set(training["no-edge"].loss_weights) == {"ms_ssim", "roi_l1"}
    assert set(training["no-l1"].loss_weights) == {"ms_ssim", "roi_edge_l1"}
    # What is left of the terms starts with the weight that it has among all of them.
    for arm in ("no-edge", "no-l1"):
        for term, weight in training[arm].loss_weights.items():
            assert weight == pytest.approx(training["stage2"].loss_weights[term])
    assert len({each.checkpoint_sha256 for each in training.values()}) == 1 + len(arms)
    precision = pick_precision("auto", torch.device("cpu"))
    assert {(each.device, each.precision, each.threads) for each in training.values()} == {("cpu", precision, 1)}
    assert all(0 <= each.waited_for_data_s <= each.steps_s for each in found.timings)
    assert all(each.ended_utc > "2026" for each in found.timings)
    assert len(found.timings) == 1 + len(arms) - 1  # The stage 1 that was taken over was timed elsewhere.
