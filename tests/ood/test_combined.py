from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from edge_nt.errors import InputError
from edge_nt.metrics.roc import auroc
from edge_nt.ood.combined import (
    FrameFigures,
    combined_deviations,
    combined_scores,
    frame_figures,
    reconstruction_error,
    score_of,
    signals_of,
)
from edge_nt.ood.combined_fit import fit_combined, left_out_deviations, recalibrated
from edge_nt.ood.combined_scorer import CombinedOodScorer
from edge_nt.ood.components import COMPONENT_NAMES
from edge_nt.ood.mahalanobis import fit_ood, ood_scores
from edge_nt.ood.signals import SIGNAL_NAMES
from tests.ood.conftest import Fitted


def _black(frame: np.ndarray) -> np.ndarray:
    return np.zeros_like(frame)


def _low_gain(frame: np.ndarray) -> np.ndarray:
    return (frame / 8).astype(np.uint8)


def _off_skin(frame: np.ndarray) -> np.ndarray:
    rows = np.arange(len(frame))
    bands = 120 * np.cos(np.pi * rows / 6) ** 2 * np.exp(-rows / 10)
    return np.broadcast_to(bands.astype(np.uint8)[:, None], frame.shape).copy()


@pytest.mark.parametrize("spoil", [_black, _low_gain, _off_skin])
def test_frames_near_the_latent_mean_are_rejected_though_one_sided_mahalanobis_takes_them(
    fitted: Fitted, spoil: object
) -> None:
    spoiled = np.stack([spoil(frame) for frame in fitted.validation])  # type: ignore[operator]
    model, figures = fitted.model, fitted.codec.figures(spoiled)
    inside = ood_scores(model.latent, fitted.codec.encode(fitted.validation))
    distances = ood_scores(model.latent, figures.latents)
    # The trap: no such frame is flagged, and they look *more* typical than real ones.
    assert not (distances > model.latent.threshold).any()
    assert auroc(inside, distances) < 0.5
    assert np.mean(combined_scores(model, figures) > model.threshold) >= 0.95


def test_the_plain_model_inside_is_the_seeds_own(fitted: Fitted) -> None:
    latents = fitted.codec.encode(fitted.training)
    plain = fit_ood(latents, ["a"] * len(latents), fitted.codec.encode(fitted.validation))
    assert fitted.model.latent.threshold == plain.threshold
    np.testing.assert_array_equal(fitted.model.latent.whitening, plain.whitening)


def test_signal_distance_is_scikit_learns_whatever_the_units(fitted: Fitted) -> None:
    training, asked = signals_of(fitted.training), signals_of(fitted.validation)
    spread = training.std(axis=0)
    centred = (training - training.mean(axis=0)) / spread
    reference = LedoitWolf(assume_centered=True).fit(centred)
    expected = np.sqrt(reference.mahalanobis((asked - training.mean(axis=0)) / spread))
    np.testing.assert_allclose(ood_scores(fitted.model.signals, asked), expected, rtol=1e-6)


def test_the_threshold_keeps_the_promised_share_of_left_out_validation(fitted: Fitted) -> None:
    figures = fitted.codec.figures(fitted.validation)
    left_out = score_of(left_out_deviations(fitted.model, figures, fitted.patients))
    kept = np.mean(left_out <= fitted.model.threshold)
    assert 0.95 <= kept < 0.95 + 1.01 / len(left_out)
    assert fitted.model.threshold in left_out


def test_left_out_scores_are_those_of_a_fit_without_the_patient(fitted: Fitted) -> None:
    whole = fitted.codec.figures(fitted.validation)
    left_out = left_out_deviations(fitted.model, whole, fitted.patients)
    training = fitted.codec.encode(fitted.training), signals_of(fitted.training), ["a"] * len(fitted.training)
    for i in (0, 17):
        rest = np.array([patient != fitted.patients[i] for patient in fitted.patients])
        others = FrameFigures(whole.latents[rest], whole.errors[rest], whole.signals[rest])
        alone = FrameFigures(whole.latents[[i]], whole.errors[[i]], whole.signals[[i]])
        names = [name for name in fitted.patients if name != fitted.patients[i]]
        again = fit_combined(*training, others, names)
        np.testing.assert_allclose(left_out[i], combined_deviations(again, alone)[0], rtol=1e-9)
        moved = recalibrated(fitted.model, others, names)
        np.testing.assert_allclose(combined_deviations(moved, alone)[0], left_out[i], rtol=1e-9)
        assert (moved.threshold, moved.held_in.patient_count) == (pytest.approx(again.threshold), len(set(names)))


def test_one_frame_scores_as_in_a_batch_and_says_what_decided(fitted: Fitted) -> None:
    scorer, batch = CombinedOodScorer(fitted.model), fitted.validation[:5]
    figures = fitted.codec.figures(batch)
    expected, deviations = combined_scores(fitted.model, figures), combined_deviations(fitted.model, figures)
    outputs = fitted.codec.decode(figures.latents)
    for i, frame in enumerate(batch):
        score = scorer(frame, figures.latents[i], outputs[i])
        assert score.score == pytest.approx(expected[i], rel=1e-9)
        assert [part.name for part in score.components] == list(COMPONENT_NAMES)
        assert score.score == pytest.approx(np.mean([part.deviations for part in score.components]))
        assert score.deciding.name == COMPONENT_NAMES[int(np.abs(deviations[i]).argmax())]
        assert score.in_distribution == (score.score <= fitted.model.threshold)


def test_reasons_name_the_component_and_its_direction(fitted: Fitted) -> None:
    frame = fitted.validation[0]
    white, dark = np.maximum(frame, 210), (frame / 20).astype(np.uint8)

    def reason(picture: np.ndarray, above: list[float]) -> str:
        """With the other components' deviations so wide that the one with 1 decides."""
        calibration = replace(fitted.model.calibration, above=np.array(above), below=np.array([*above[:2], np.inf]))
        latent = fitted.codec.encode(picture[None])
        scorer = CombinedOodScorer(replace(fitted.model, calibration=calibration))
        return scorer(picture, latent[0], fitted.codec.decode(latent)[0]).reason

    assert reason(white, [1e9, 1e9, 1.0]) == "signals: bright share high"
    assert reason(dark, [1e9, 1e9, 1.0]).endswith(" low")
    assert reason(white, [1.0, 1e9, 1e9]) == "latent distance high"
    assert reason(dark, [1.0, 1e9, 1e9]) == "latent distance low"
    assert reason(white, [1e9, 1.0, 1e9]).startswith("reconstruction error ")


def test_the_plain_distance_of_a_mean_is_zero(fitted: Fitted) -> None:
    frame, mean = fitted.validation[0], fitted.model.latent.means[0]
    assert CombinedOodScorer(fitted.model)(frame, mean, (frame / 255).astype(np.float32)).latent_distance < 1e-6


def test_reconstruction_error_is_the_mean_absolute_difference() -> None:
    frame = np.arange(256, dtype=np.uint8).repeat(192).reshape(192, 256)
    output = np.random.default_rng(0).random((192, 256)).astype(np.float32)
    assert reconstruction_error(frame, output) == pytest.approx(np.abs(frame / 255 - output).mean(), rel=1e-5)
    assert frame[0, 0] == 0


def test_refuses_figures_that_cannot_be_fitted(fitted: Fitted) -> None:
    training = fitted.codec.encode(fitted.training), signals_of(fitted.training), ["a"] * len(fitted.training)
    few = fitted.codec.figures(fitted.validation[:3])
    with pytest.raises(InputError, match="at least 4"):
        fit_combined(*training, few, ["p", "q", "r"])
    four = fitted.codec.figures(fitted.validation[:4])
    for patients, words in ((["p", "p", "q", "r"], "3 of them of other patients"), (["p"], "patient of each of 4")):
        with pytest.raises(InputError, match=words):
            fit_combined(*training, four, patients)
    with pytest.raises(InputError, match="signals for each"):
        FrameFigures(few.latents, few.errors[:2], few.signals)
    with pytest.raises(InputError, match="one shape"):
        frame_figures(fitted.validation[:0], few.latents[:0], np.zeros((0, 192, 256), np.float32))
    same = fitted.codec.figures(np.repeat(fitted.validation[:1], 9, axis=0))
    with pytest.raises(InputError, match="differ"):
        fit_combined(*training, same, list("pqrstuvwx"))


def test_signals_that_never_change_do_not_divide_by_zero(fitted: Fitted) -> None:
    signals = signals_of(fitted.training)
    signals[:, SIGNAL_NAMES.index("bright share")] = 0
    figures = fitted.codec.figures(fitted.validation)
    flat = figures.signals.copy()
    flat[:, SIGNAL_NAMES.index("bright share")] = 0
    validation = FrameFigures(figures.latents, figures.errors, flat)
    model = fit_combined(
        fitted.codec.encode(fitted.training), signals, ["a"] * len(signals), validation, fitted.patients
    )
    assert np.isfinite(combined_scores(model, figures)).all()


def test_one_bright_pixel_is_no_alarm_where_training_had_none(fitted: Fitted) -> None:
    training, validation = (np.minimum(frames, 190) for frames in (fitted.training, fitted.validation))
    figures = fitted.codec.figures(validation)
    hospitals = ["a"] * len(training)
    model = fit_combined(fitted.codec.encode(training), signals_of(training), hospitals, figures, fitted.patients)
    speck = validation[:10].copy()
    speck[:, 100, 100] = 255
    change = combined_scores(model, fitted.codec.figures(speck)) - combined_scores(model, figures)[:10]
    assert np.abs(change).max() < 0.1
