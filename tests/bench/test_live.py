"""The soak: exact counts at and above what the pipeline can do, and a slope that sees growth where there is some."""

import mmap
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import block_bundle
import cv2
import numpy as np
import pytest
from dicom_scans import write_dicom
from paced_scans import PIXELS, PacedScans, decode
from rich.console import Console
from scipy import stats

from edge_nt.bench.frames import BenchFrames
from edge_nt.bench.live import LivePlan, Scans, jobs_alone_per_s, measure_live
from edge_nt.bench.live_result import LiveBench
from edge_nt.bench.resident import ResidentSampler, Samples, reset_peak, resident_trend, theil_sen
from edge_nt.cli.app import main
from edge_nt.cli.bench_live_table import show_live
from edge_nt.errors import InputError
from edge_nt.imaging.frame import Frame
from edge_nt.results import read_result, write_result
from edge_nt.runtime.crew import load_crew
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sensors.memory import peak_resident_mb
from edge_nt.sensors.not_measured import NotMeasured
from edge_nt.stream.outputs import Outputs


def source_at(rate_hz: float | None) -> PacedScans:
    slow = partial(_slowly, 0.01)
    return PacedScans(10**7, 0.0 if rate_hz is None else 1 / rate_hz, slow, live=rate_hz is not None)


def _slowly(pause_s: float, number: int) -> Frame:
    time.sleep(pause_s)
    return decode(number)


SCANS = Scans(BenchFrames((Frame(PIXELS, "scan"),), "one test picture"), source_at)


def test_a_soak_counts_every_frame_and_holds_its_best_throughput_above_it(bundle_folder: Path, tmp_path: Path) -> None:
    crew = load_crew(bundle_folder, jobs=2, threads=1, backend="onnxruntime", allow_unverified=True)
    plan = LivePlan(fps=30, seconds=0.6, factors=(1, 20), outputs=Outputs(pictures=True, latents="parquet"))
    seen: list[str] = []
    report = measure_live(crew, SCANS, plan, tmp_path / "soak", lambda name, *_: seen.append(name))
    paced, flooded = report.rates
    for each, folder in ((paced, "30-hz"), (flooded, "600-hz"), (report.saturated, "saturated")):
        assert each.offered == each.done + each.failed + each.dropped
        assert each.left_behind == each.failed == each.write_errors == 0
        written = (tmp_path / "soak" / folder / "results.jsonl").read_text().splitlines()
        assert len(written) == each.done
        assert each.latency is not None
        assert each.latency.n == each.done
        assert each.latency.p50_ms >= 10
        assert each.stop_s is not None
        assert each.stop_s < 1
        assert each.not_measured.keys() == {"resident"}
    assert (paced.rate_hz, flooded.rate_hz, report.saturated.rate_hz) == (30, 600, None)
    assert paced.dropped == report.saturated.dropped == 0
    assert paced.done == pytest.approx(0.6 * 30, abs=3)
    assert flooded.offered == pytest.approx(0.6 * 600, rel=0.1)
    assert flooded.dropped > flooded.offered / 2
    assert flooded.frames_per_s > 0.6 * report.saturated.frames_per_s
    assert seen == ["30 Hz", "600 Hz", "saturated"]
    assert report.setup.sinks == ("Pictures", "LatentsParquet", "ResultLog")
    write_result(tmp_path / "live.json", report)
    assert read_result(tmp_path / "live.json", LiveBench) == report


def test_the_jobs_alone_work_at_the_same_time(bundle_folder: Path) -> None:
    crew = load_crew(bundle_folder, jobs=2, threads=1, backend="onnxruntime", allow_unverified=True)

    def slowed(reconstructor: Reconstructor) -> Callable[[Frame], object]:
        return lambda frame: (time.sleep(0.02), reconstructor(frame))

    rates = [jobs_alone_per_s([slowed(each) for each in jobs], SCANS.frames, 0.3) for jobs in (crew[:1], crew)]
    assert 20 < rates[0] < 50
    assert rates[1] == pytest.approx(2 * rates[0], rel=0.3)


@pytest.mark.parametrize("setting", [{"fps": 0}, {"seconds": -1}, {"factors": ()}, {"factors": (1, 0)}, {"waiting": 0}])
def test_plans_that_make_no_sense_are_refused(setting: dict) -> None:
    with pytest.raises(InputError, match="above 0"):
        LivePlan(**setting)


@pytest.mark.parametrize("factors", [(1, 1), (1, float("nan")), (1, float("inf")), (1, 1e9)])
def test_rates_that_would_end_a_soak_in_the_middle_are_refused_before_it(factors: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="--rates"):
        LivePlan(factors=factors)


def test_a_soak_that_is_stopped_leaves_its_finished_stretches(
    bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crew = load_crew(bundle_folder, jobs=1, threads=1, backend="onnxruntime", allow_unverified=True)
    left: list[LiveBench] = []
    plan = LivePlan(fps=50, seconds=0.2, factors=(1, 2), outputs=Outputs(pictures=False, latents="none"))

    def gone(rate_hz: float | None) -> PacedScans:
        if rate_hz is None:
            raise OSError("the disk is gone")
        return source_at(rate_hz)

    with pytest.raises(OSError, match="the disk is gone"):
        measure_live(crew, Scans(SCANS.frames, gone), plan, tmp_path / "soak", lambda *_: None, on_stretch=left.append)
    assert [[rate.rate_hz for rate in each.rates] for each in left] == [[50], [50, 100]]
    assert all(each.saturated is None for each in left)
    show_live(Console(), left[-1])
    assert "100 Hz" in capsys.readouterr().out


def test_a_soak_through_throttling_says_so(
    bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crew = load_crew(bundle_folder, jobs=1, threads=1, backend="onnxruntime", allow_unverified=True)
    plan = LivePlan(fps=50, seconds=0.1, factors=(1,), outputs=Outputs(pictures=False, latents="none"))
    report = measure_live(crew, SCANS, plan, tmp_path / "soak", lambda *_: None)
    show_live(Console(width=200), replace(report, device=replace(report.device, throttled=("core 0: 7",))))
    assert "the machine slowed itself down meanwhile: core 0: 7" in capsys.readouterr().out


def test_npz_latents_of_a_live_stream_are_refused(bundle_folder: Path, tmp_path: Path) -> None:
    crew = load_crew(bundle_folder, jobs=1, threads=1, backend="onnxruntime", allow_unverified=True)
    with pytest.raises(InputError, match="--latents parquet"):
        measure_live(crew, SCANS, LivePlan(outputs=Outputs(latents="npz")), tmp_path, lambda *_: None)


@pytest.mark.parametrize("slope", [-300.0, 0.0, 42.0])
def test_the_slope_is_that_of_scipy_and_finds_growth_under_noise_and_steps(slope: float) -> None:
    rng = np.random.default_rng(int(abs(slope)))
    at_s = np.arange(600.0)
    mb = 180 + slope * at_s / 3600 + rng.normal(0, 0.4, 600)
    mb[:40] += np.linspace(25, 0, 40)
    mb[300:310] += 15
    trend = resident_trend(Samples(at_s, mb), 60)
    assert not isinstance(trend, NotMeasured)
    assert trend.low_mb_per_h <= trend.slope_mb_per_h <= trend.high_mb_per_h
    assert trend.low_mb_per_h - 5 <= slope <= trend.high_mb_per_h + 5
    assert trend.high_mb_per_h - trend.low_mb_per_h < 12
    at_h, blocks = rng.uniform(0, 1, 20), rng.normal(0, 1, 20)
    found = stats.theilslopes(blocks, at_h, 0.95)
    assert theil_sen(np.sort(at_h), blocks[np.argsort(at_h)]) == pytest.approx((found[0], found[2], found[3]))


def test_too_few_samples_say_so() -> None:
    trend = resident_trend(Samples(np.arange(25.0), np.ones(25)), 10)
    assert isinstance(trend, NotMeasured)
    assert "15 samples" in trend.reason


def test_the_sampler_sees_memory_come_and_the_peak_can_be_reset() -> None:
    with ResidentSampler(most=1000, every_s=0.01) as sampler:
        _wait(sampler, 5)
        # Pages of its own: malloc may have as much lying about from earlier tests, and nothing would grow.
        held = mmap.mmap(-1, 50_000_000)
        for _ in range(50):
            held.write(b"\1" * 1_000_000)
        _wait(sampler, 10)
    samples = sampler.samples()
    assert samples.mb[-1] - samples.mb[0] == pytest.approx(50, abs=8)
    assert np.all(np.diff(samples.at_s) > 0)
    before = peak_resident_mb()
    held.close()
    assert reset_peak()
    after = peak_resident_mb()
    assert isinstance(before, float)
    assert isinstance(after, float)
    assert before - after == pytest.approx(50, abs=15)


def test_a_peak_that_cannot_be_reset_is_told(tmp_path: Path) -> None:
    assert not reset_peak(tmp_path / "absent")


def _wait(sampler: ResidentSampler, more: int) -> None:
    until = len(sampler.samples().mb) + more
    while len(sampler.samples().mb) < until:
        time.sleep(0.005)


def test_the_command_replays_files_of_any_kind_and_writes_its_report(
    bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans, out = tmp_path / "in", tmp_path / "live.json"
    scans.mkdir()
    for number in range(3):
        cv2.imwrite(str(scans / f"{number}.png"), block_bundle.scan(number, 240, 320))
    write_dicom(scans / "cine.dcm", np.stack([block_bundle.scan(number) for number in range(4)]))
    options = ["--fps", "50", "--seconds", "0.4", "--rates", "1,3", "--jobs", "2", "--backend", "onnxruntime"]
    command = ["bench-live", str(bundle_folder), str(scans), "--out", str(out), *options]
    assert main([*command, "--keep", str(tmp_path / "kept"), "--waiting", "2", "--in-flight", "6"]) == 0
    report = read_result(out, LiveBench)
    assert [each.rate_hz for each in report.rates] == [50, 150]
    assert all(each.offered == each.done + each.dropped for each in (*report.rates, report.saturated))
    assert report.rates[0].offered == pytest.approx(20, abs=2)
    assert report.setup.frames == "7 frames of 4 files, decoded before"
    assert (report.setup.jobs, report.setup.waiting, report.setup.in_flight) == (2, 2, 6)
    assert {folder.name for folder in (tmp_path / "kept").iterdir()} == {"50-hz", "150-hz", "saturated"}
    printed = capsys.readouterr().out
    assert "saturated" in printed
    assert f"Report: {out}" in printed
    assert main([*command, "--keep", str(tmp_path / "kept")]) == 2
    assert "which exists" in capsys.readouterr().err
    assert main([*command, "--rates", "fast"]) == 2
    assert "numbers between commas" in capsys.readouterr().err
