"""Frame after frame without a pause: frames per second, and energy where a sensor gives it."""

from pathlib import Path

import pytest
from quick_bench import measured
from slow_variant import slow

from edge_nt.bench.measure import BenchPlan


def test_saturated_counts_frames_and_says_why_there_is_no_energy(bundle_folder: Path) -> None:
    plan = BenchPlan(rounds=8, warmup=1, settle_ms=0, saturated=True)
    [result] = measured([slow("5 ms", bundle_folder, 5)], bundle_folder, plan).saturated
    assert (result.variant, result.blocks, result.stages["total"].n) == ("5 ms", 4, 8)
    assert 80 < result.frames_per_s < 200
    assert (result.energy.joules_per_frame is None) == (result.energy.not_measured is not None)


def test_saturated_ratios_are_to_the_baseline(bundle_folder: Path) -> None:
    plan = BenchPlan(rounds=8, warmup=1, settle_ms=0, saturated=True, baseline="6 ms")
    variants = [slow("6 ms", bundle_folder, 6), slow("18 ms", bundle_folder, 18)]
    first, second = measured(variants, bundle_folder, plan).saturated
    assert first.encode_decode_ratio == 1
    assert second.encode_decode_ratio == pytest.approx(3, rel=0.3)


class _Meter:
    """A meter whose second block fails, as a sensor's driver does now and then."""

    name, joules = "shunt", 0.0

    def __init__(self, fails_at: str) -> None:
        self._fails_at, self._entered = fails_at, 0

    def __enter__(self) -> "_Meter":
        self._entered += 1
        self._fail("enter")
        return self

    def __exit__(self, *error: object) -> None:
        self._fail("exit")
        self.joules += 1.0

    def _fail(self, place: str) -> None:
        # The idle watts come first.
        if place == self._fails_at and self._entered == 3:
            raise OSError("the rail does not answer")

    def watts_now(self) -> float:
        return 1.0


@pytest.mark.parametrize("fails_at", ["enter", "exit", "never"])
def test_a_sensor_that_fails_takes_no_times_along(
    bundle_folder: Path, fails_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_nt.bench.measure.find_meter", lambda: _Meter(fails_at))
    monkeypatch.setattr("edge_nt.sensors.power._IDLE_S", 0.01)
    report = measured([slow("a", bundle_folder)], bundle_folder, BenchPlan(8, 1, 0, saturated=True))
    assert report.variants[0].failed is None
    [result] = report.saturated
    assert result.stages["total"].n == 8
    energy = result.energy
    if fails_at == "never":
        assert (energy.joules_per_frame, energy.not_measured) == (0.5, None)
    else:
        assert (energy.joules_per_frame, energy.not_measured) == (None, "shunt: the rail does not answer")
