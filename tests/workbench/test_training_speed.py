"""The plain recipe and ours: the same batches, the same losses, one report."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from edge_nt.cli.app import main
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.phantom.generate import write_phantoms
from edge_nt.results import read_result
from edge_nt.training.batches import frame_set, frames_and_masks, training_batch
from edge_nt.training.optimizer import make_optimizers
from edge_nt.training.recipe import read_recipe
from edge_nt.training.run_frames import RunFrames, read_run_frames
from edge_nt.training.train import prepare_run, train_run
from edge_nt.workbench.loss_agreement import curve_gap, curve_losses, loss_curve, loss_equality
from edge_nt.workbench.optimizer_cost import optimizer_costs
from edge_nt.workbench.plain_recipe import PlainImages, plain_batches
from edge_nt.workbench.step_profile import OPTIMIZER, profile_steps
from edge_nt.workbench.training_speed import BLOCK_STEPS, _Lane, _take_turns
from edge_nt.workbench.training_speed_result import TrainingSpeed
from edge_nt.workbench.training_way import Trainer, ladder

QUICK = {"batch_size": 2, "stage1_steps": 4, "stage2_steps": 1, "calibration_batches": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("speed") / "data"
    write_phantoms(root, hospitals=2, per_hospital=8, seed=0)
    return root


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speed-run") / "run"
    prepare_run(
        folder, data, held_out="phantom-b", structures=("NT",), preprocess=Preprocess(), recipe=read_recipe(None, QUICK)
    )
    return folder


@pytest.fixture(scope="module")
def source(run: Path) -> RunFrames:
    from edge_nt.training.run_folder import read_run

    return read_run_frames(read_run(run), None)


def _trainer(source: RunFrames, place: int) -> Trainer:
    ways = ladder(source.info.recipe.seed, 1, source.info.precision)
    train = frame_set(source, source.split.train)
    return Trainer(ways[place], source, train, source.info.recipe, torch.device("cpu"))


@pytest.mark.parametrize("workers", [0, 2])
def test_images_read_one_by_one_make_the_batches_of_training(source: RunFrames, workers: int) -> None:
    train, recipe = frame_set(source, source.split.train), source.info.recipe
    batches = list(plain_batches(PlainImages(source, train, recipe), range(3, 6), workers))
    assert len(batches) == 3
    for step, (frames, masks) in zip(range(3, 6), batches, strict=True):
        expected, expected_masks = training_batch(train, recipe, 1, step)
        torch.testing.assert_close(frames, expected)
        assert torch.equal(masks, expected_masks)


def test_the_last_way_with_the_optimizers_of_train_is_what_train_does(source: RunFrames, run: Path) -> None:
    trainer, recipe = _trainer(source, -1), source.info.recipe
    # The ladder keeps AdamW for all weights; everything else of a step has to be that of training, step after step.
    optimizers = make_optimizers(trainer.model, recipe)
    losses: list[float] = []
    for step, (frames, _) in zip(range(recipe.stage1_steps), trainer.batches(range(recipe.stage1_steps)), strict=True):
        trainer.set_rate(step)
        optimizers.set_rate(trainer.optimizer.param_groups[0]["lr"])
        loss = trainer.loss(trainer.forward(frames), frames)
        optimizers.zero_grad()
        loss.backward()
        optimizers.step()
        losses.append(float(loss.detach()))
    trained: list[float] = []
    train_run(run, on_step=lambda stage, _step, loss: trained.append(loss) if stage == 1 else None)
    assert losses == trained


def test_all_ways_start_with_one_loss_and_another_seed_does_not(source: RunFrames) -> None:
    trainers = [_trainer(source, place) for place in range(6)]
    first = [trainer.step(next(trainer.batches(range(1)))[0], 0) for trainer in trainers]
    assert first[0] == pytest.approx(first[2], abs=1e-6)
    assert first[2] == pytest.approx(first[3], abs=1e-6)
    assert first[4] == pytest.approx(first[0], abs=5e-3)  # bf16
    assert first[5] == first[4]
    assert abs(first[1] - first[0]) > 1e-4


def test_a_curve_is_kept_to_the_millionth_and_gaps_are_of_the_moving_means() -> None:
    first = loss_curve("a", 0, [0.1234567, 0.5, 0.3])
    assert first.loss_millionths == "123457 500000 300000"
    second = loss_curve("b", 1, [0.2234567, 0.5, 0.1])
    np.testing.assert_allclose(curve_losses(second), [0.223457, 0.5, 0.1])
    gap = curve_gap(first, second, 2)
    assert (gap.largest, gap.mean) == pytest.approx((0.1, 0.075))


def test_equality_is_measured_and_would_show_a_difference(source: RunFrames) -> None:
    reference, _ = frames_and_masks(frame_set(source, source.split.train), np.arange(2), 0)
    candidate = torch.nn.functional.avg_pool2d(reference, 9, 1, 4)
    for inside in (False, True):
        found = loss_equality([(candidate, reference)], inside_bf16_autocast=inside)
        assert found.images == 2
        assert found.worst_value_difference < 1e-5
        assert 0 < found.worst_gradient_difference < 1e-5
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge_nt.workbench.loss_agreement.ms_ssim", lambda c, r: 1 - (c - r).square().mean())
        assert loss_equality([(candidate, reference)], inside_bf16_autocast=False).worst_gradient_difference > 0.1


@pytest.mark.parametrize(("stage", "parts"), [(1, 6), (2, 8)])
def test_a_profile_trains_and_its_shares_make_a_whole(source: RunFrames, stage: int, parts: int) -> None:
    trainer = _trainer(source, -1)
    before = [parameter.detach().clone() for parameter in trainer.model.parameters()]
    profile = profile_steps(trainer, stage, range(3), 1)
    assert (profile.stage, profile.steps, len(profile.parts)) == (stage, 2, parts)
    assert all(part.p50_ms > 0 for part in profile.parts)
    assert 0.98 < sum(part.share for part in profile.parts) <= 1.0001
    moved = [not torch.equal(one, other) for one, other in zip(before, trainer.model.parameters(), strict=True)]
    assert all(moved)


def test_the_command_writes_a_report_that_adds_up(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_nt.training.recipe.DEFAULT_RECIPE", _small_recipe(tmp_path))
    for name, fewer in (("BLOCK_STEPS", 2), ("SMOOTHING_STEPS", 4), ("_PROFILED", 1), ("_LADDER_ROUNDS", 1)):
        monkeypatch.setattr(f"edge_nt.workbench.training_speed.{name}", fewer)
    monkeypatch.setattr("edge_nt.workbench.optimizer_cost.ROUNDS", 2)
    out = tmp_path / "speed.json"
    arguments = ["--data", str(data), "--held-out", "phantom-b", "--steps", "8", "--workers", "1", "--out", str(out)]
    assert main(["bench-training", *arguments]) == 0
    report = read_result(out, TrainingSpeed)
    assert "ours" in capsys.readouterr().out
    assert [len(curve_losses(curve)) for curve in report.curves] == [8, 8, 8]
    assert len(report.ways) == 6
    assert [way.step.n for way in report.ways] == [4, 4, 1, 1, 1, 4]
    plain = min(way.step.p50_ms for way in report.ways[:2])
    for way in report.ways:
        # The three in between are held against plain in their own round alone.
        if way.step.n == 4:
            assert way.speed_up == pytest.approx(plain / way.step.p50_ms)
        assert way.speed_up > 0
        assert way.images_per_s == pytest.approx(1e3 * report.batch_size / way.step.p50_ms)
        assert 0 < way.loader_share < 1
    assert report.ours_against_plain.largest < report.plain_against_plain.largest
    assert [profile.stage for profile in report.profiles] == [1, 1, 2]
    assert all(same.worst_gradient_difference < 1e-5 for same in report.ms_ssim)
    rest_ms = sum(part.p50_ms for part in report.profiles[1].parts if part.part != OPTIMIZER)
    assert len(report.optimizers) == 4
    assert all(cost.of_the_rest == pytest.approx(cost.p50_ms / rest_ms) for cost in report.optimizers)


def test_every_way_comes_first_and_follows_every_other_now_and_then() -> None:
    calls: list[str] = []

    class Watched(_Lane):
        def run_block(self, first: int) -> None:
            calls.append(f"{self.trainer}{first // BLOCK_STEPS}")

    lanes = [Watched(name, rounds) for name, rounds in zip("abcdef", (60, 60, 8, 8, 8, 60), strict=True)]
    _take_turns(lanes, lambda _done, _total: None)
    rounds = [[call[0] for call in calls if call[1:] == str(turn)] for turn in range(60)]
    assert [sorted(each) for each in rounds] == [list("abcdef")] * 8 + [list("abf")] * 52
    for name in "abf":
        assert 8 < sum(each[0] == name for each in rounds) < 32
    follows = Counter(pair for each in rounds[8:] for pair in pairwise(each))
    assert len(follows) == 6
    assert min(follows.values()) > 6


def test_costs_of_optimizers_are_of_their_steps_and_leave_the_weights_as_they_were() -> None:
    layer = torch.nn.Sequential(torch.nn.Linear(300, 300), torch.nn.ReLU(), torch.nn.Linear(300, 300))
    layer(torch.rand(2, 300)).sum().backward()
    before = [weight.detach().clone() for weight in layer.parameters()]
    costs = {cost.name: cost for cost in optimizer_costs(layer, 10.0)}
    assert all(torch.equal(one, other) for one, other in zip(before, layer.parameters(), strict=True))
    assert all(cost.of_the_rest == pytest.approx(cost.p50_ms / 10) for cost in costs.values())
    # Matrix products of 300 rows cost more than the one pass of AdamW.
    assert costs["edge-nt train: our Muon for convolutions too"].p50_ms > costs["AdamW for all weights"].p50_ms


def _small_recipe(folder: Path) -> Path:
    from edge_nt.training.recipe import DEFAULT_RECIPE

    path = folder / "recipe.toml"
    path.write_text(DEFAULT_RECIPE.read_text().replace("batch_size = 8", "batch_size = 2"))
    return path


@pytest.mark.parametrize(("option", "value"), [("--steps", "12"), ("--steps", "15"), ("--workers", "0")])
def test_bad_options_are_one_line(
    data: Path, tmp_path: Path, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(data), "--held-out", "phantom-b", "--out", str(tmp_path / "x.json"), option, value]
    assert main(["bench-training", *arguments]) == 2
    assert option in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()
