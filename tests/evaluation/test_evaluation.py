from __future__ import annotations

import json
import math
import shutil
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from edge_nt.datasets.dataset import read_dataset
from edge_nt.datasets.dataset_tables import dataset_tables
from edge_nt.errors import InputError
from edge_nt.evaluation.evaluation import evaluate_run
from edge_nt.evaluation.evaluation_result import Evaluation
from edge_nt.evaluation.ood_protocols import measure_ood
from edge_nt.evaluation.summary import HELD_OUT, SOURCE_VALIDATION
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import Preprocess, affine_for, letterbox
from edge_nt.ood.mahalanobis import fit_ood, ood_scores
from edge_nt.results import read_result
from edge_nt.training.checkpoint import load_model
from edge_nt.training.run_folder import read_run


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ood") / "noise"
    folder.mkdir()
    for seed in range(3):
        image = np.random.default_rng(seed).integers(0, 256, (96, 128), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{seed}.png"), image)
    return folder


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation") / "out"


@pytest.fixture(scope="module")
def evaluation(untrained_run: Path, other: Path, out: Path) -> Evaluation:
    ticks: list[tuple[int, int]] = []
    result = evaluate_run(
        untrained_run, None, ood_folders=[other], out=out, batch_size=4, on_frame=lambda *tick: ticks.append(tick)
    )
    total = 2 * (27 + 3)
    assert ticks == [(done, total) for done in range(1, total + 1)]
    return result


def _latents(run: Path, stage: str, frames: list[np.ndarray]) -> np.ndarray:
    with torch.no_grad():
        return load_model(run, stage).encode(torch.from_numpy(np.stack(frames)[:, None] / np.float32(255))).numpy()


def _network_frames(root: Path, files: list[str]) -> list[np.ndarray]:
    return [letterbox(decode_image(root / file).pixels, Preprocess()) for file in files]


def test_every_image_of_both_splits_is_measured_directly(
    evaluation: Evaluation, untrained_run: Path, phantoms: Path
) -> None:
    dataset = read_dataset(phantoms)
    rows = {row.file: row for row in dataset.rows}
    expected = {row.file for row in dataset.rows if row.hospital == "phantom-c" or row.split == "val"}
    assert {record.file for record in evaluation.images} == expected
    for record in (evaluation.images[1], evaluation.images[-1]):
        row = rows[record.file]
        assert record.split == (HELD_OUT if row.hospital == "phantom-c" else SOURCE_VALIDATION)
        pixels = decode_image(phantoms / record.file).pixels
        scan = letterbox(pixels, Preprocess()) / 255.0
        box = dataset.roi(row, "NT")
        assert box is not None
        region = affine_for(*pixels.shape, Preprocess()).to_network(box).slices(192, 256)
        for stage, measured in (("stage1", record.stage1), ("stage2", record.stage2)):
            with torch.no_grad():
                output = load_model(untrained_run, stage)(torch.from_numpy(scan.astype(np.float32))[None, None])
            image = output[0, 0].double().numpy()
            assert measured.psnr_db == pytest.approx(peak_signal_noise_ratio(scan, image, data_range=1.0), abs=1e-4)
            ssim = structural_similarity(
                scan, image, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
            )
            assert measured.ssim == pytest.approx(ssim, abs=1e-5)
            assert measured.regions["NT"].mae == pytest.approx(np.abs(image - scan)[region].mean(), abs=1e-6)


def test_groups_average_their_images(evaluation: Evaluation) -> None:
    names = [(group.split, group.hospital, group.images) for group in evaluation.groups]
    assert names == [
        (SOURCE_VALIDATION, None, 4),
        (SOURCE_VALIDATION, "phantom-a", 2),
        (SOURCE_VALIDATION, "phantom-b", 2),
        (HELD_OUT, None, 9),
        (HELD_OUT, "phantom-c", 9),
    ]
    held_out = [record.stage2.psnr_db for record in evaluation.images if record.split == HELD_OUT]
    assert evaluation.groups[3].metrics[0].stage2.estimate == pytest.approx(np.mean(held_out))


def test_ood_is_fitted_on_training_and_set_on_validation(
    evaluation: Evaluation, untrained_run: Path, phantoms: Path, other: Path
) -> None:
    rows = read_dataset(phantoms).rows
    train = [row for row in rows if row.hospital != "phantom-c" and row.split == "train"]
    val = [row for row in rows if row.hospital != "phantom-c" and row.split == "val"]
    for stage, result in zip(("stage1", "stage2"), evaluation.ood, strict=True):
        latents = [
            _latents(untrained_run, stage, _network_frames(phantoms, [row.file for row in part]))
            for part in (train, val)
        ]
        model = fit_ood(latents[0], [row.hospital for row in train], latents[1])
        assert (result.stage, result.hospitals) == (stage, ("phantom-a", "phantom-b"))
        assert (result.training_frames, result.validation_frames) == (14, 4)
        assert result.threshold == pytest.approx(model.threshold, rel=1e-3)
        unseen, noise = result.comparisons
        assert (unseen.name, unseen.frames) == ("hospital phantom-c", 9)
        assert (noise.name, noise.frames) == ("folder noise", 3)
        frames = _network_frames(other, ["0.png", "1.png", "2.png"])
        scores = ood_scores(model, _latents(untrained_run, stage, frames))
        assert noise.median_score == pytest.approx(np.median(scores), rel=1e-3)
        assert noise.auroc == np.mean(scores[:, None] > ood_scores(model, latents[1])[None])


def _refuse_constant(name: str) -> float:
    raise AssertionError(f"{name} in JSON")


def test_the_json_holds_it_all_without_nan(evaluation: Evaluation, out: Path, untrained_run: Path) -> None:
    content = json.loads((out / "evaluation.json").read_text(), parse_constant=_refuse_constant)
    assert content["synthetic"] is True
    assert content["held_out_hospital"] == "phantom-c"
    for stage in ("stage1", "stage2"):
        stated = json.loads((untrained_run / f"{stage}.json").read_text())["sha256"]
        assert content["checkpoint_sha256"][stage] == stated
    assert len(content["images"]) == len(evaluation.images) == 13
    region = evaluation.images[0].stage2.regions["NT"]
    assert content["images"][0]["stage2"]["regions"]["NT"]["edge_mae"] == region.edge_mae
    assert all(math.isfinite(image["stage1"]["ms_ssim"]) for image in content["images"])


def test_both_panels_are_whole_pictures(evaluation: Evaluation, out: Path) -> None:
    assert [panel.file for panel in evaluation.panels] == ["panel-source-validation.png", "panel-held-out.png"]
    for panel in evaluation.panels:
        picture = cv2.imread(str(out / panel.file))
        assert picture.shape == (26 * 2 + 3 * (26 + 240), 4 * (320 + 6) + 480, 3)
        assert panel.sha256 == sha256((out / panel.file).read_bytes()).hexdigest()
    written = sorted(("evaluation.json", *(panel.file for panel in evaluation.panels)))
    assert sorted(path.name for path in out.iterdir()) == written


def test_the_json_says_where_each_picture_lies(evaluation: Evaluation, out: Path, phantoms: Path) -> None:
    panel = evaluation.panels[1]
    picture = cv2.imread(str(out / panel.file))
    assert [example.rank for example in panel.examples] == ["best", "median", "worst"]
    worst = panel.examples[2]
    assert evaluation.images[worst.image].split == panel.split == HELD_OUT
    scan = next(cell for cell in worst.cells if cell.name == "scan")
    shown = picture[scan.top_px : scan.top_px + scan.height_px, scan.left_px : scan.left_px + scan.width_px]
    frame = _network_frames(phantoms, [evaluation.images[worst.image].file])[0]
    enlarged = cv2.resize(frame, (320, 240), interpolation=cv2.INTER_LINEAR)
    outside_box = np.all(shown == shown[..., :1], axis=2)
    assert outside_box.mean() > 0.98
    assert np.array_equal(shown[outside_box][:, 0], enlarged[outside_box])
    assert {cell.name for cell in worst.cells} == {
        *("scan", "stage 1", "stage 2", "error"),
        *("close-up scan", "close-up stage 1", "close-up stage 2"),
    }


def test_the_result_is_read_back_with_a_score_for_each_frame(evaluation: Evaluation, out: Path) -> None:
    assert read_result(out / "evaluation.json", Evaluation) == evaluation
    for stage in evaluation.ood:
        assert len(stage.validation_scores) == stage.validation_frames
        kept = np.mean(np.array(stage.validation_scores) <= stage.threshold)
        assert kept >= stage.quantile
        for each in stage.comparisons:
            assert len(each.scores) == each.frames
            pairs = np.array(each.scores)[:, None] - np.array(stage.validation_scores)[None]
            assert each.auroc == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)))


def test_a_split_without_regions_has_no_panel_and_no_stale_one(
    untrained_run: Path, phantoms: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(phantoms, tmp_path / "data")
    boxes = data / "boxes.csv"
    boxes.write_text("\n".join(line for line in boxes.read_text().splitlines() if "phantom-c" not in line))
    out = tmp_path / "out"
    out.mkdir()
    stale = [out / name for name in ("panel-held-out.png", "panel-held-out-2.png", "panel-source-validation-3.png")]
    for panel in stale:
        panel.write_bytes(b"of an earlier evaluation")
    result = evaluate_run(untrained_run, data, out=out)
    assert [panel.file for panel in result.panels] == ["panel-source-validation.png"]
    assert not any(panel.exists() for panel in stale)
    assert [region.images for region in result.groups[0].regions] == [4]
    assert result.groups[3].regions == ()


def test_it_says_which_boxes_and_pictures_it_used(untrained_run: Path, phantoms: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(phantoms, tmp_path / "data", ignore=shutil.ignore_patterns(".*")))
    boxes = data / "boxes.csv"
    lines = boxes.read_text().splitlines()
    boxes.write_text("\n".join([*lines[:-1], lines[-1]]))  # the same rows, other bytes
    first = evaluate_run(untrained_run, phantoms, out=tmp_path / "first")
    second = evaluate_run(untrained_run, data, out=tmp_path / "second")
    assert first.dataset_tables == dataset_tables(phantoms)
    assert first.dataset_tables["manifest.csv"] == second.dataset_tables["manifest.csv"]
    assert first.dataset_tables["boxes.csv"] != second.dataset_tables["boxes.csv"]
    assert first.pictures == second.pictures == read_run(untrained_run).pictures


def test_other_pictures_under_the_same_names_are_refused(untrained_run: Path, phantoms: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(phantoms, tmp_path / "data", ignore=shutil.ignore_patterns(".*")))
    image = next(data.glob("images/phantom-c*.png"))
    cv2.imwrite(str(image), 255 - cv2.imread(str(image), cv2.IMREAD_GRAYSCALE))
    with pytest.raises(InputError, match="other pictures"):
        evaluate_run(untrained_run, data, out=tmp_path / "out")
    with pytest.raises(InputError, match="other pictures"):
        measure_ood(untrained_run, data, out=tmp_path / "ood")


def test_an_unfinished_run_or_a_file_as_out_is_refused_before_any_work(untrained_run: Path, tmp_path: Path) -> None:
    half = shutil.copytree(untrained_run, tmp_path / "half")
    (half / "stage2.json").unlink()
    with pytest.raises(InputError, match="finished stage2"):
        evaluate_run(half, None, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        evaluate_run(untrained_run, None, out=tmp_path / "file")
