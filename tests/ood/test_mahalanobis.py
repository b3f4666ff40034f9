from __future__ import annotations

import io

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.covariance import LedoitWolf

from edge_nt.errors import InputError
from edge_nt.ood.mahalanobis import OodModel, fit_ood, ood_arrays, ood_from_arrays, ood_scores

_HOSPITALS = ["b"] * 70 + ["a"] * 50


def _latents(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).standard_normal((12, 12))
    return (generator.standard_normal((count, 12)) @ mixing + shift).astype(np.float32)


def _training() -> np.ndarray:
    return np.concatenate([_latents(70, 0), _latents(50, 1, shift=3.0)])


def _model() -> OodModel:
    return fit_ood(_training(), _HOSPITALS, np.concatenate([_latents(30, 2), _latents(31, 3, shift=3.0)]))


def test_scores_equal_scipy_with_scikit_learns_covariance() -> None:
    model, frames = _model(), _latents(40, 4, shift=1.0)
    training = _training().astype(np.float64)
    means = np.stack([training[70:].mean(axis=0), training[:70].mean(axis=0)])
    centred = training - np.repeat(means[::-1], [70, 50], axis=0)
    fitted = LedoitWolf(assume_centered=True).fit(centred)
    expected = cdist(frames, means, "mahalanobis", VI=np.linalg.inv(fitted.covariance_)).min(axis=1)
    assert model.hospitals == ("a", "b")
    assert model.shrinkage == pytest.approx(fitted.shrinkage_, rel=1e-9)
    np.testing.assert_allclose(ood_scores(model, frames), expected, rtol=1e-9)


def test_a_frame_scores_the_same_alone_and_in_a_batch() -> None:
    model, frames = _model(), _latents(9, 5)
    alone = np.concatenate([ood_scores(model, frames[i : i + 1]) for i in range(9)])
    np.testing.assert_allclose(ood_scores(model, frames), alone, rtol=1e-12)


def test_a_hospitals_mean_scores_zero_and_distance_grows() -> None:
    model = _model()
    np.testing.assert_allclose(ood_scores(model, model.means), 0.0, atol=1e-12)
    steps = model.means[0] - np.outer(np.arange(1.0, 4.0), model.means[1] - model.means[0])
    scores = ood_scores(model, steps)
    np.testing.assert_allclose(scores[1:] / scores[0], [2.0, 3.0], rtol=1e-9)


def test_threshold_keeps_at_least_the_quantile_of_validation() -> None:
    validation = _latents(31, 3)
    for quantile in (0.5, 0.9, 0.95, 1.0):
        model = fit_ood(_training(), _HOSPITALS, validation, quantile)
        kept = np.mean(ood_scores(model, validation) <= model.threshold)
        assert quantile <= kept < quantile + 1.01 / 31


def test_a_common_offset_of_all_latents_costs_no_digits() -> None:
    frames = _latents(20, 6).astype(np.float64)
    training = _training().astype(np.float64)
    plain = fit_ood(training, _HOSPITALS, frames)
    moved = fit_ood(training + 1e5, _HOSPITALS, frames + 1e5)
    np.testing.assert_allclose(ood_scores(moved, frames + 1e5), ood_scores(plain, frames), rtol=1e-7)


def test_survives_npz_without_pickle_to_the_bit() -> None:
    model, file = _model(), io.BytesIO()
    np.savez(file, allow_pickle=False, **ood_arrays(model))
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        again = ood_from_arrays({name: stored[name] for name in stored.files})
    assert (again.hospitals, again.threshold, again.shrinkage, again.quantile) == (
        model.hospitals,
        model.threshold,
        model.shrinkage,
        model.quantile,
    )
    frames = _latents(5, 7)
    assert np.array_equal(ood_scores(again, frames), ood_scores(model, frames))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hospitals", None),
        ("hospitals", np.array(["a", "a"])),
        ("hospitals", np.array(["a"])),
        ("hospitals", np.array([1, 2])),
        ("means", np.zeros((2, 11))),
        ("means", np.zeros(12)),
        ("means", np.full((2, 12), np.nan)),
        ("means", np.zeros((2, 12), np.float32)),
        ("whitening", np.eye(11)),
        ("whitening", np.full((12, 12), np.inf)),
        ("threshold", np.array(-1.0)),
        ("threshold", np.array(np.nan)),
        ("threshold", np.zeros(1)),
        ("shrinkage", np.array(1.5)),
        ("quantile", np.array(0.0)),
    ],
)
def test_refuses_arrays_that_are_no_model(name: str, value: np.ndarray | None) -> None:
    arrays = ood_arrays(_model())
    if value is None:
        del arrays[name]
    else:
        arrays[name] = value
    with pytest.raises(InputError, match="OOD statistics"):
        ood_from_arrays(arrays)


def test_refuses_latents_that_cannot_be_fitted_or_scored() -> None:
    validation = _latents(5, 3)
    with pytest.raises(InputError, match="one hospital"):
        fit_ood(_training(), ["a"], validation)
    with pytest.raises(InputError, match="singular"):
        fit_ood(np.ones((10, 4)), ["a"] * 10, np.ones((2, 4)))
    with pytest.raises(InputError, match="validation latents"):
        fit_ood(_training(), _HOSPITALS, validation[:0])
    with pytest.raises(InputError, match="NaN"):
        ood_scores(_model(), np.full((1, 12), np.nan))
    with pytest.raises(InputError, match=r"\(N, 12\)"):
        ood_scores(_model(), np.zeros((1, 13)))
