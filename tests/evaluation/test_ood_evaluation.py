from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

from edge_nt.errors import InputError
from edge_nt.evaluation.ood_evaluation import evaluate_ood, read_ood_folders
from edge_nt.imaging.letterbox import Preprocess, letterbox


def _latents(count: int, shift: float, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((count, 6)) + shift).astype(np.float32)


def test_figures_equal_scikit_learn_from_latents_to_auroc() -> None:
    training, validation, other = _latents(80, 0, 0), _latents(40, 0, 1), _latents(50, 0.7, 2)
    result = evaluate_ood("stage1", training, ["a"] * 80, validation, {"folder x": other, "same": validation})
    centred = training.astype(np.float64) - training.astype(np.float64).mean(axis=0)
    reference = LedoitWolf(assume_centered=True).fit(centred)
    inside, outside = (
        reference.mahalanobis(each - training.astype(np.float64).mean(axis=0)) for each in (validation, other)
    )
    first, second = result.comparisons
    labels = [0] * 40 + [1] * 50
    assert first.auroc == pytest.approx(roc_auc_score(labels, np.concatenate([inside, outside])), abs=1e-12)
    assert result.threshold == pytest.approx(np.sqrt(np.sort(inside)[37]), rel=1e-6)
    assert first.fpr_at_95_tpr == pytest.approx(np.mean(outside <= np.sort(inside)[37]))
    assert 0.0 < first.fpr_at_95_tpr < 1.0
    assert (first.name, first.frames, second.auroc) == ("folder x", 50, 0.5)
    assert first.median_score == pytest.approx(np.median(np.sqrt(outside)), rel=1e-6)


def _write_images(folder: Path, count: int) -> list[np.ndarray]:
    folder.mkdir()
    images = [np.random.default_rng(i).integers(0, 256, (60 + i, 90), dtype=np.uint8) for i in range(count)]
    for index, image in enumerate(images):
        cv2.imwrite(str(folder / f"{index}.png"), image)
    return images


def test_folders_go_through_the_one_preprocessing(tmp_path: Path) -> None:
    images = _write_images(tmp_path / "other", 3)
    frames = read_ood_folders([tmp_path / "other"], Preprocess())
    assert list(frames) == ["other"]
    assert np.array_equal(frames["other"], np.stack([letterbox(image, Preprocess()) for image in images]))


def test_refuses_folders_that_cannot_be_scored(tmp_path: Path) -> None:
    _write_images(tmp_path / "other", 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "deeper").mkdir()
    _write_images(tmp_path / "deeper" / "other", 1)
    for folders, named in (
        ([tmp_path / "missing"], "missing"),
        ([tmp_path / "empty"], "empty"),
        ([tmp_path / "other", tmp_path / "deeper" / "other"], "second one"),
        ([tmp_path / "other" / "0.png"], "no folder"),
    ):
        with pytest.raises(InputError, match=named):
            read_ood_folders(folders, Preprocess())
    (tmp_path / "other" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError, match=r"broken\.png"):
        read_ood_folders([tmp_path / "other"], Preprocess())


@pytest.mark.real
@pytest.mark.skipif("EDGE_NT_REAL_DATA" not in os.environ, reason="needs real scans")
def test_reads_every_scan_of_another_anatomy() -> None:
    frames = read_ood_folders([Path(os.environ["EDGE_NT_REAL_DATA"]) / "busi-normal"], Preprocess())
    assert frames["busi-normal"].shape == (60, 192, 256)
