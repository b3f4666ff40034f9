"""Scores of a trained arm against scikit-image and numpy on the same frames."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio
from tiny_study import Trained

from edge_nt.evaluation.stage_pass import reconstruct
from edge_nt.imaging.letterbox import affine_for, to_unit_range
from edge_nt.results import read_result
from edge_nt.study.scores import SCORES_NAME, SOURCE_VALIDATION, UNSEEN, ArmScores
from edge_nt.study.study_folder import Job, arm_folder
from edge_nt.training.checkpoint import load_model, read_facts
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import frames_of, read_run_frames


def test_scores_are_those_of_the_arm_s_own_reconstructions(trained: Trained) -> None:
    run = arm_folder(trained.study.out, Job("phantom-b", 0, "stage2"))
    scores = read_result(run / SCORES_NAME, ArmScores)
    source = read_run_frames(read_run(run), None)
    rows = (*source.split.val, *source.split.held_out)
    assert [image.file for image in scores.images] == [row.file for row in rows]
    assert [image.side for image in scores.images] == [SOURCE_VALIDATION] * len(source.split.val) + [UNSEEN] * len(
        source.split.held_out
    )
    frames = frames_of(source, rows)
    pictures = reconstruct(load_model(run, "stage2"), frames)[1]
    for row, image, scan, picture in zip(rows, scores.images, to_unit_range(frames)[:, 0], pictures, strict=True):
        assert image.psnr_db == pytest.approx(peak_signal_noise_ratio(scan, picture, data_range=1.0), abs=1e-4)
        box = source.dataset.roi(row, "NT")
        assert box is not None
        size = next(
            size for each, size in zip(source.dataset.rows, source.cached.sizes, strict=True) if each.file == row.file
        )
        inside = affine_for(*map(int, size), source.info.preprocess).to_network(box).slices(*scan.shape)
        assert image.regions["NT"].mae == pytest.approx(np.abs(picture[inside] - scan[inside]).mean(), rel=1e-4)


def test_scores_name_the_model_its_weights_and_the_measured_norms(trained: Trained) -> None:
    control, stage2 = (
        read_result(arm_folder(trained.study.out, Job("phantom-b", 0, arm)) / SCORES_NAME, ArmScores)
        for arm in ("control", "stage2")
    )
    facts = read_facts(arm_folder(trained.study.out, Job("phantom-b", 0, "stage2")), "stage2")
    assert (stage2.checkpoint_sha256, stage2.loss_weights) == (facts["sha256"], facts["loss_weights"])
    assert set(stage2.gradient_norms) == {"ms_ssim", "roi_l1", "roi_edge_l1"}
    assert (control.loss_weights, control.gradient_norms) == ({"ms_ssim": 1.0}, {})
