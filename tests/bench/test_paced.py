"""Frames at a rate, against variants whose time is known."""

from pathlib import Path

import pytest
from slow_variant import slow

from edge_nt.bench.frames import golden_frames
from edge_nt.bench.interleaved import Failures, start_variants
from edge_nt.bench.paced import PacedResult, measure_paced
from edge_nt.errors import InputError


def paced(bundle: Path, encode_ms: float, rate_hz: float, count: int) -> PacedResult:
    frames, failures = golden_frames(bundle), Failures()
    started = start_variants([slow("a", bundle, encode_ms)], frames[0], 0, failures)
    [result] = measure_paced(started, frames, rate_hz, count=count, settle_ms=0, failures=failures)
    return result


def test_a_fast_variant_meets_every_deadline(bundle_folder: Path) -> None:
    result = paced(bundle_folder, 2, 10, 8)
    assert (result.frames, result.missed, result.dropped) == (8, 0, 0)
    assert result.latency.n == 8
    assert result.latency.p50_ms > 2
    assert 0 <= result.start_jitter.p50_ms < 50
    assert result.response.p50_ms >= result.latency.p50_ms


def test_a_variant_that_takes_more_than_a_period_misses_them_all_and_drops_some(bundle_folder: Path) -> None:
    # 30 ms of work every 20 ms: a third of the frames can never be started.
    result = paced(bundle_folder, 30, 50, 24)
    assert result.missed == 24
    assert 7 <= result.dropped <= 16
    assert result.latency.n == 24 - result.dropped
    assert 1 < result.start_jitter.p50_ms < 20


def test_lateness_does_not_move_the_moments_that_follow(bundle_folder: Path) -> None:
    # Far over the period: were moments counted from the frame before, nothing would be dropped.
    result = paced(bundle_folder, 45, 100, 12)
    assert result.dropped >= 8


@pytest.mark.parametrize("rate_hz", [0, -30, float("nan"), float("inf"), 1e6])
def test_a_rate_that_is_none_is_refused(bundle_folder: Path, rate_hz: float) -> None:
    with pytest.raises(InputError, match="frame rate above 0"):
        paced(bundle_folder, 0, rate_hz, 2)


def test_a_variant_that_breaks_on_the_way_has_no_figures(bundle_folder: Path) -> None:
    frames, failures = golden_frames(bundle_folder), Failures()
    started = start_variants([slow("a", bundle_folder, breaks_at=4)], frames[0], 0, failures)
    assert measure_paced(started, frames, 200, count=6, settle_ms=0, failures=failures) == ()
    assert failures.reasons == {"a": "RuntimeError: the engine lost its device"}
