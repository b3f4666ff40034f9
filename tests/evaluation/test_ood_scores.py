from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import percentileofscore

from edge_nt.errors import InputError
from edge_nt.evaluation.ood_scores import DEFAULT_SCORE, MEANINGS, SEED_SCORE, SourceFigures, fit_scores, names_of
from edge_nt.metrics.roc import auroc, keep_threshold
from edge_nt.ood.combined import FrameFigures
from edge_nt.ood.signals import SIGNAL_NAMES


def _figures(count: int, seed: int, shift: float = 0.0) -> FrameFigures:
    generator = np.random.default_rng(seed)
    signals = generator.normal(shift, 1.0, (count, len(SIGNAL_NAMES)))
    errors = np.exp(-3 + 0.2 * signals[:, 0] + 0.1 * generator.normal(size=count))
    return FrameFigures(generator.normal(1 + shift, 1.0, (count, 16)).astype(np.float32), errors, signals)


def _taken(figures: FrameFigures, rows: NDArray[np.int64]) -> FrameFigures:
    return FrameFigures(figures.latents[rows], figures.errors[rows], figures.signals[rows])


def _source() -> SourceFigures:
    training = _figures(120, 0)
    scanners = ("a:x",) * 60 + ("a:y",) * 60
    return SourceFigures(
        training.latents, training.signals, ("a",) * 120, scanners, _figures(60, 1), tuple(map(str, range(60)))
    )


def test_every_score_keeps_the_share_and_tells_shifted_frames() -> None:
    fitted = fit_scores(_source(), 0.95)
    outside = fitted.of(_figures(50, 2, shift=3.0))
    assert names_of(fitted.inside) == tuple(MEANINGS) == names_of(outside)
    for inside in fitted.inside.values():
        assert np.mean(inside <= keep_threshold(inside, 0.95)) >= 0.95
    # The others do not look at length, level or size, which is all that differs here.
    for name in (SEED_SCORE, "two-sided mahalanobis", "signals", DEFAULT_SCORE):
        assert auroc(fitted.inside[name], outside[name]) > 0.9, name


def test_new_frames_of_the_source_score_as_validation_does() -> None:
    # What was fitted on validation is left out of its own scores: no score finds fresh frames odd.
    fitted = fit_scores(_source(), 0.95)
    fresh = fitted.of(_figures(2000, 3))
    for name in (DEFAULT_SCORE, "rank combination", "two-sided error", "two-sided mahalanobis"):
        assert auroc(fitted.inside[name], fresh[name]) == pytest.approx(0.5, abs=0.08), name


def test_a_validation_frame_is_scored_as_by_a_fit_without_its_patient() -> None:
    source = _source()
    patients = tuple(str(k // 2) for k in range(60))
    fitted = fit_scores(replace(source, patients=patients), 0.95)
    rest = np.flatnonzero(np.array(patients) != patients[7])
    others = replace(source, validation=_taken(source.validation, rest), patients=tuple(patients[k] for k in rest))
    seen = fit_scores(others, 0.95).of(_taken(source.validation, np.array([7])))
    for name in (DEFAULT_SCORE, "two-sided error", "two-sided mahalanobis"):
        assert fitted.inside[name][7] == pytest.approx(seen[name][0]), name
        # By the fit that has seen it, it would score otherwise.
        assert fitted.inside[name][7] != pytest.approx(fitted.of(source.validation)[name][7]), name


def test_ranks_are_scipys() -> None:
    fitted = fit_scores(_source(), 0.95)
    outside = fitted.of(_figures(5, 4, shift=0.5))
    ranked = tuple(MEANINGS)[:5]
    expected = [
        np.mean([percentileofscore(fitted.inside[name], outside[name][i], "mean") / 100 for name in ranked])
        for i in range(5)
    ]
    np.testing.assert_allclose(outside["rank combination"], expected)
    others = [np.delete(fitted.inside[name], 7) for name in ranked]
    pairs = zip(ranked, others, strict=True)
    left_out = [percentileofscore(rest, fitted.inside[name][7], "mean") / 100 for name, rest in pairs]
    assert fitted.inside["rank combination"][7] == pytest.approx(np.mean(left_out))


def test_the_relative_score_is_left_out_with_one_scanner() -> None:
    fitted = fit_scores(replace(_source(), scanners=("a:x",) * 120), 0.95)
    assert "relative mahalanobis" not in fitted.inside
    assert "relative mahalanobis" not in fitted.of(_figures(5, 4))


def test_refuses_latents_with_nan() -> None:
    source = _source()
    with pytest.raises(InputError, match="NaN"):
        fit_scores(replace(source, latents=np.full_like(source.latents, np.nan)), 0.95)
