import numpy as np
import pytest
from scipy import stats

from edge_nt.errors import InputError
from edge_nt.workbench.exponent import fit_exponent

PIXELS = [192 * 256, 256 * 320, 320 * 384, 384 * 512, 512 * 640]


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.7])
def test_a_power_law_gives_its_own_exponent(exponent: float) -> None:
    fitted = fit_exponent(PIXELS, [3e-4 * pixels**exponent for pixels in PIXELS])
    assert fitted == pytest.approx((exponent, exponent, exponent))


def test_the_interval_is_that_of_an_outside_reference() -> None:
    times = np.array(PIXELS) ** 1.1 * np.exp(np.random.default_rng(3).normal(0, 0.1, len(PIXELS)))
    slope, low, high = fit_exponent(PIXELS, times.tolist())
    reference = stats.linregress(np.log(PIXELS), np.log(times))
    half = stats.t.ppf(0.975, len(PIXELS) - 2) * reference.stderr
    assert (slope, low, high) == pytest.approx((reference.slope, reference.slope - half, reference.slope + half), 1e-3)


def test_every_tabled_number_of_sizes_has_students_quantile() -> None:
    for count in range(3, 11):
        x = np.arange(1.0, count + 1)
        times = np.exp(np.random.default_rng(count).normal(0, 1, count))
        reference = stats.linregress(np.log(x), np.log(times))
        slope, _, high = fit_exponent(x.tolist(), times.tolist())
        assert high - slope == pytest.approx(stats.t.ppf(0.975, count - 2) * reference.stderr, 1e-3)


@pytest.mark.parametrize("times", [[1.0, 2.0], [1.0, 2.0, 0.0], [1.0] * 4])
def test_too_few_or_impossible_times_are_refused(times: list[float]) -> None:
    with pytest.raises(InputError, match="times above zero"):
        fit_exponent([10, 20, 30][: max(len(times), 2)], times)
