"""Two-stage training through its public interface: strictness, resuming, and that it learns."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from prepared_run import prepared
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from edge_nt.errors import InputError
from edge_nt.training.checkpoint import load_model, read_facts, read_progress
from edge_nt.training.muon import Muon
from edge_nt.training.recipe import TrainRecipe
from edge_nt.training.run_log import read_log
from edge_nt.training.software import this_trainer
from edge_nt.training.stage import TrainingStoppedError
from edge_nt.training.train import train_run


def test_a_run_stopped_twice_and_resumed_equals_an_unbroken_one(
    trained: Path, phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    # Only stopping writes a resume point.
    broken = prepared(tmp_path / "broken", phantoms, replace(quick_recipe, checkpoint_every=1000))
    for stop_after, stage, step in ((3, "stage1", 3), (2, "stage2", 1)):
        calls = iter(range(1, 100))
        with pytest.raises(TrainingStoppedError):
            train_run(broken, should_stop=lambda after=stop_after, calls=calls: next(calls) == after)
        at = read_progress(broken)
        assert at is not None
        assert (at.stage, at.step) == (stage, step)
    train_run(broken)
    for name in ("stage1.safetensors", "stage2.safetensors", "stage2.json", "log.jsonl"):
        assert (broken / name).read_bytes() == (trained / name).read_bytes()


@pytest.mark.slow
def test_a_killed_run_loses_no_more_than_the_steps_since_its_checkpoint(
    trained: Path, phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    killed = prepared(tmp_path / "killed", phantoms, quick_recipe)

    def power_cut(stage: int, step: int, _loss: float) -> None:
        if (stage, step) == (1, 4):
            raise OSError("power cut")

    with pytest.raises(OSError, match="power cut"):
        train_run(killed, on_step=power_cut)
    with pytest.raises(InputError, match="finished stage1"):
        read_facts(killed, "stage1")
    seen = []
    train_run(killed, on_step=lambda stage, step, _loss: seen.append((stage, step)))
    assert seen[0] == (1, 3)
    assert (killed / "stage2.safetensors").read_bytes() == (trained / "stage2.safetensors").read_bytes()


@pytest.mark.slow
def test_training_lowers_the_validation_loss_and_stage_2_the_roi_error(
    phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    recipe = replace(quick_recipe, stage1_steps=24, stage2_steps=16, batch_size=8, validate_every=4, warmup_steps=2)
    run = prepared(tmp_path / "run", phantoms, recipe)
    train_run(run)
    events = [event for event in read_log(run / "log.jsonl") if event["event"] == "validate"]
    first, stage1, stage2 = events[0], read_facts(run, "stage1")["validation"], read_facts(run, "stage2")["validation"]
    assert stage1["ms_ssim"] > first["ms_ssim"]
    assert stage2["roi_l1"] < stage1["roi_l1"]
    assert stage2["roi_edge_l1"] < stage1["roi_edge_l1"]


def test_calibrated_weights_are_logged_and_saved(trained: Path, quick_recipe: TrainRecipe) -> None:
    run = trained
    event = next(event for event in read_log(run / "log.jsonl") if event["event"] == "calibrate")
    assert len(event["gradient_norms"]) == quick_recipe.calibration_batches
    weights = read_facts(run, "stage2")["loss_weights"]
    assert weights == event["weights"]
    means = {name: sum(batch[name] for batch in event["gradient_norms"]) for name in weights}
    assert weights["roi_l1"] * means["roi_l1"] == pytest.approx(quick_recipe.stage2_roi_pull * means["ms_ssim"])


def test_a_run_is_trained_by_one_process_at_a_time(phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path) -> None:
    run = prepared(tmp_path / "run", phantoms, quick_recipe)
    refused: list[str] = []

    def train_once_more() -> bool:
        with pytest.raises(InputError) as caught:
            train_run(run)
        refused.append(str(caught.value))
        return True

    with pytest.raises(TrainingStoppedError):
        train_run(run, should_stop=train_once_more)
    assert "one that is running" in refused[0]


def test_a_rate_that_makes_the_loss_infinite_ends_in_one_line_and_keeps_the_resume_point(
    phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    recipe = replace(quick_recipe, checkpoint_every=1)
    run = prepared(tmp_path / "run", phantoms, recipe)
    with pytest.raises(TrainingStoppedError):
        train_run(run, should_stop=lambda: True)
    spoilt = load_file(run / "resume.safetensors")
    spoilt["model.decoder.0.bias"].fill_(float("nan"))
    with safe_open(run / "resume.safetensors", framework="pt") as file:
        metadata = file.metadata()
    save_file(spoilt, run / "resume.safetensors", metadata=metadata)
    before = (run / "resume.safetensors").read_bytes()
    with pytest.raises(InputError, match=r"nan in step 2 of stage1.*lower stage1_learning_rate"):
        train_run(run)
    assert (run / "resume.safetensors").read_bytes() == before


@pytest.mark.parametrize("checkpoint_every", [1, 1000])
def test_weights_that_are_no_numbers_are_never_saved(
    checkpoint_every: int, phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The last step alone spoils them: its loss is that of the weights before it.
    recipe = replace(quick_recipe, stage1_steps=2, checkpoint_every=checkpoint_every)
    run = prepared(tmp_path / "run", phantoms, recipe)
    step, steps = Muon.step, iter(range(2))

    def spoils_the_last(optimizer: Muon) -> None:
        step(optimizer)
        if next(steps) == 1:
            optimizer.param_groups[0]["params"][0].data[0, 0] = float("nan")

    monkeypatch.setattr(Muon, "step", spoils_the_last)
    with pytest.raises(InputError, match=r"finite sum of all weights.*nan in step 2 of stage1"):
        train_run(run)
    assert not (run / "stage1.json").exists()
    progress = read_progress(run)
    assert (progress.step if progress else None) == (1 if checkpoint_every == 1 else None)


def test_a_run_that_another_version_goes_on_with_says_both(
    phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shortest = replace(quick_recipe, stage1_steps=2, stage2_steps=1, calibration_batches=1)
    run, own = prepared(tmp_path / "run", phantoms, shortest), this_trainer()
    with pytest.raises(TrainingStoppedError):
        train_run(run, should_stop=lambda: True)
    monkeypatch.setattr("edge_nt.training.software.this_trainer", lambda: "torch 9, code 9")
    train_run(run)
    assert read_facts(run, "stage1")["trainers"] == [own, "torch 9, code 9"]
    assert read_facts(run, "stage2")["trainers"] == ["torch 9, code 9"]


def test_steps_of_a_resume_point_that_names_no_software_are_not_this_one_s(
    phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    shortest = replace(quick_recipe, stage1_steps=2, stage2_steps=1, calibration_batches=1)
    run = prepared(tmp_path / "run", phantoms, shortest)
    with pytest.raises(TrainingStoppedError):
        train_run(run, should_stop=lambda: True)
    with safe_open(run / "resume.safetensors", framework="pt") as file:
        progress = json.loads(file.metadata()["progress"])
    assert progress.pop("trainers") == [this_trainer()]
    tensors = load_file(run / "resume.safetensors")
    save_file(tensors, run / "resume.safetensors", metadata={"progress": json.dumps(progress)})
    train_run(run)
    assert read_facts(run, "stage1")["trainers"] == ["not recorded", this_trainer()]
    assert read_facts(run, "stage2")["trainers"] == [this_trainer()]


def test_a_resume_point_of_another_model_is_refused_in_one_line(
    phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    run = prepared(tmp_path / "run", phantoms, quick_recipe)
    with pytest.raises(TrainingStoppedError):
        train_run(run, should_stop=lambda: True)
    tensors = load_file(run / "resume.safetensors")
    with safe_open(run / "resume.safetensors", framework="pt") as file:
        metadata = file.metadata()
    without = {name: tensor for name, tensor in tensors.items() if name != "optimizer.decoder.0.weight/momentum_buffer"}
    save_file(without, run / "resume.safetensors", metadata=metadata)
    with pytest.raises(InputError, match=r"decoder\.0\.weight/momentum_buffer.*version of edge-nt that began it"):
        train_run(run)


def test_validation_figures_of_a_region_are_means_over_the_frames_that_have_one(
    own_phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path
) -> None:
    lines = (own_phantoms / "boxes.csv").read_text().splitlines(keepends=True)
    # One of the source hospitals has no boxes: whole batches without a region.
    (own_phantoms / "boxes.csv").write_text("".join(line for line in lines if "phantom-a" not in line))
    figures = []
    for size in (1, 4):
        recipe = replace(quick_recipe, stage1_steps=1, stage1_learning_rate=1e-9, batch_size=size)
        run = prepared(tmp_path / f"run{size}", own_phantoms, recipe)
        train_run(run, stages=(1,))
        figures.append(read_facts(run, "stage1")["validation"])
    assert figures[0]["roi_l1"] > 0.01
    for name in ("roi_l1", "roi_edge_l1"):
        assert figures[0][name] == pytest.approx(figures[1][name], rel=0.02)


def test_a_changed_checkpoint_is_refused(trained: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    content = bytearray((run / "stage2.safetensors").read_bytes())
    content[-1] ^= 1
    (run / "stage2.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"SHA-256 in stage2\.json"):
        load_model(run, "stage2")


def test_stage_2_alone_needs_a_finished_stage_1(phantoms: Path, quick_recipe: TrainRecipe, tmp_path: Path) -> None:
    run = prepared(tmp_path / "run", phantoms, quick_recipe)
    with pytest.raises(InputError, match="finished stage1"):
        train_run(run, stages=(2,))
