"""Calibrators against outside references: onnxruntime's own for percentile and entropy, brute force for MSE."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxruntime.quantization.calibrate import HistogramCollector

from edge_nt.export.calibrators import CALIBRATORS, STEPS, THRESHOLDS, added, histogram_of, mse_threshold
from edge_nt.export.ranges import FRAME_RANGE, LATENT_HEADROOM, fit_ranges_by

SHAPES = {
    "half-normal": lambda random: np.abs(random.normal(0, 1, 99_991)),
    "laplace": lambda random: random.laplace(0, 1, 99_991),
    "relu of a normal": lambda random: np.maximum(random.normal(0.3, 1, 99_991), 0),
    "with outliers": lambda random: np.concatenate([random.exponential(1, 99_991), random.uniform(20, 40, 20)]),
}


def _values(shape: str) -> np.ndarray:
    return SHAPES[shape](np.random.default_rng(3)).astype(np.float32)


def _threshold(calibrator: str, values: np.ndarray) -> float:
    return THRESHOLDS[calibrator](histogram_of(values, float(np.abs(values).max())))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("percent", ["99.9", "99.99", "99.999"])
def test_percentiles_are_onnxruntimes(shape, percent):
    values = _values(shape)
    theirs = HistogramCollector("percentile", True, 8192, 128, float(percent), "same")
    theirs.collect({"x": values})
    expected = float(theirs.compute_collection_result()["x"][1])
    # Theirs is the lower edge of a bin, ours the upper one.
    assert _threshold(f"percentile-{percent}", values) == pytest.approx(
        expected, abs=2.1 * float(np.abs(values).max()) / 8192
    )


@pytest.mark.parametrize("shape", ["half-normal", "with outliers"])
def test_entropy_cuts_about_where_onnxruntimes_does(shape):
    values = np.abs(_values(shape))
    # Theirs counts values of both signs, merges whole numbers of bins only and leaves the rest to the last level.
    both = np.concatenate([values, -values])
    theirs = HistogramCollector("entropy", True, 2048, 256, 0, "same")
    theirs.collect({"x": both})
    expected = float(theirs.compute_collection_result()["x"][1])
    assert _threshold("entropy", values) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("shape", ["laplace", "relu of a normal"])
def test_entropy_is_the_least_divergence_of_all_cuts(shape):
    values = np.abs(_values(shape))
    counts, edges = np.histogram(values[values > 0], 2048, (0, float(values.max())))
    least = min(range(128, 2049), key=lambda end: _plain_divergence(counts, end))
    assert _threshold("entropy", values) == pytest.approx(edges[least], rel=0.02)


def _plain_divergence(counts: np.ndarray, end: int) -> float:
    """The calibrator of TensorRT's published talk, level by level."""
    true = counts[:end].astype(float)
    true[-1] += counts[end:].sum()
    spread = np.zeros(end)
    for level in range(128):
        own = slice(level * end // 128, (level + 1) * end // 128)
        filled = np.count_nonzero(counts[own])
        spread[own][counts[own] > 0] = counts[own].sum() / max(filled, 1)
    return float(scipy.stats.entropy(true, spread))


@pytest.mark.parametrize("shape", SHAPES)
def test_mse_is_the_brute_force_minimum(shape):
    values = np.abs(_values(shape)).astype(np.float64)
    largest = values.max()

    def error(reach: float) -> float:
        step = reach / STEPS
        return float(np.mean((np.minimum(np.rint(values / step), STEPS) * step - values) ** 2))

    least = min(error(reach) for reach in np.linspace(0.05, 1, 400) * largest)
    assert error(_threshold("mse", values.astype(np.float32))) <= 1.02 * least


@pytest.mark.parametrize("calibrator", THRESHOLDS)
def test_rare_outliers_are_cut_off_and_a_flat_distribution_is_not(calibrator):
    body = np.random.default_rng(0).exponential(1, 400_000).astype(np.float32)
    outliers = np.append(body, np.full(3, 100, np.float32))
    # Squared error weighs what is cut off by its square, and keeps more of it.
    assert _threshold(calibrator, outliers) < (100 if calibrator == "mse" else 20)
    flat = np.random.default_rng(0).uniform(0, 1, 400_000).astype(np.float32)
    assert _threshold(calibrator, flat) > 0.95


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6), st.floats(0, 1))
def test_a_reach_scales_with_the_values_and_never_passes_the_largest(seed, scale, share_of_zeros):
    random = np.random.default_rng(seed)
    values = (random.exponential(1, 5000) * (random.uniform(0, 1, 5000) >= share_of_zeros)).astype(np.float32)
    for calibrator in THRESHOLDS:
        reach = _threshold(calibrator, values)
        assert 0 <= reach <= np.abs(values).max() * 1.0001
        scaled = _threshold(calibrator, (values * np.float32(scale)).astype(np.float32))
        assert scaled == pytest.approx(reach * scale, rel=0.05)


def test_zeros_move_percentiles_only():
    values = np.abs(_values("half-normal"))
    padded = np.concatenate([values, np.zeros(3 * values.size, np.float32)])
    for calibrator in ("entropy", "mse"):
        assert _threshold(calibrator, padded) == _threshold(calibrator, values)
    assert _threshold("percentile-99.9", padded) < _threshold("percentile-99.9", values)


def test_histograms_add_up():
    values = _values("laplace")
    largest = float(np.abs(values).max())
    halves = added(histogram_of(values[:1000], largest), histogram_of(values[1000:], largest))
    whole = histogram_of(values, largest)
    np.testing.assert_array_equal(halves.counts, whole.counts)
    assert (halves.zeros, halves.counts.sum() + halves.zeros) == (whole.zeros, values.size)


def test_a_tensor_of_zeros_reaches_nowhere():
    histogram = histogram_of(np.zeros((2, 3), np.float32), 0.0)
    assert [THRESHOLDS[name](histogram) for name in THRESHOLDS] == [0.0] * len(THRESHOLDS)
    assert mse_threshold(histogram) == 0.0


def test_calibrators_cut_between_layers_only(graphs, frames):
    fitted = fit_ranges_by(graphs("fp32", 192, 256), frames(192, 256), CALIBRATORS)
    extremes = fitted["minmax"]
    assert len({each.sha256 for each in fitted.values()}) == len(CALIBRATORS)
    for name, ranges in fitted.items():
        assert ranges.encoder["frame"] == FRAME_RANGE
        assert ranges.decoder["latent"] == extremes.decoder["latent"]
        assert ranges.decoder["latent"].high == LATENT_HEADROOM * ranges.encoder["latent"].high
        for part in ("encoder", "decoder"):
            own, widest = getattr(ranges, part), getattr(extremes, part)
            cut = {tensor for tensor in own if own[tensor] != widest[tensor]}
            assert all(widest[t].low <= own[t].low <= own[t].high <= widest[t].high for t in own)
            assert name == "minmax" or cut, "nothing was cut off"
            assert all(not tensor.startswith(("frame", "latent", "reconstruction")) for tensor in cut)
