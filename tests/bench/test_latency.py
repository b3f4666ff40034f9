import json
from pathlib import Path

import block_bundle
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.bench.frames import file_frames, golden_frames
from edge_nt.bench.latency import STAGES, latency_stats, measure_latency
from edge_nt.cli.app import main
from edge_nt.errors import InputError


@given(st.lists(st.floats(0.001, 1e4), min_size=1, max_size=60))
def test_percentiles_are_those_of_the_sorted_times(times_ms: list[float]) -> None:
    stats = latency_stats(times_ms, warmup=3)
    ordered = sorted(times_ms)

    def percentile(share: float) -> float:
        position = share * (len(ordered) - 1)
        below = int(position)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (position - below) * (ordered[above] - ordered[below])

    assert stats.p50_ms == pytest.approx(percentile(0.5))
    assert stats.p95_ms == pytest.approx(percentile(0.95))
    assert stats.p99_ms == pytest.approx(percentile(0.99))
    assert (stats.n, stats.warmup, stats.max_ms) == (len(times_ms), 3, ordered[-1])
    assert stats.mean_ms == pytest.approx(sum(times_ms) / len(times_ms))


def test_no_times_give_no_figures() -> None:
    with pytest.raises(InputError, match="at least one timed frame"):
        latency_stats([], warmup=0)


def test_two_bundles_take_turns_and_warm_up_is_not_counted(bundle_folder: Path, tmp_path: Path) -> None:
    other = block_bundle.write(tmp_path / "other", "fp16")
    rounds: list[tuple[int, int]] = []
    report = measure_latency(
        [bundle_folder, other],
        golden_frames(bundle_folder),
        count=7,
        warmup=2,
        threads=1,
        on_frame=lambda done, total: rounds.append((done, total)),
    )
    assert rounds == [(index, 9) for index in range(1, 10)]
    assert [(each.bundle, each.precision) for each in report.bundles] == [("fp32-bundle", "fp32"), ("other", "fp16")]
    for each in report.bundles:
        assert tuple(each.stages) == STAGES
        assert all((stats.n, stats.warmup) == (7, 2) for stats in each.stages.values())
        parts = sum(each.stages[stage].mean_ms for stage in STAGES[:-1])
        assert each.stages["total"].mean_ms == pytest.approx(parts)
        assert each.cold_start.load_ms > 0
        assert each.cold_start.first_frame_ms > 0
    assert report.machine.threads == 1
    assert report.file_decode is None


@pytest.mark.parametrize(("count", "warmup"), [(0, 1), (1, 0), (-5, 1)])
def test_nothing_to_measure_is_refused(bundle_folder: Path, count: int, warmup: int) -> None:
    with pytest.raises(InputError, match="of at least 1"):
        measure_latency([bundle_folder], golden_frames(bundle_folder), count=count, warmup=warmup)


def test_golden_frames_come_at_the_size_of_a_carts_frame(bundle_folder: Path) -> None:
    frames = golden_frames(bundle_folder)
    assert frames.sizes() == ("768x1024",)
    assert len(frames) == 2


def test_files_are_decoded_once_and_timed(tmp_path: Path) -> None:
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((40, 60), 50 * index, np.uint8))
    frames = file_frames([tmp_path])
    assert len(frames) == len(frames.decode_ms) == 3
    assert frames.sizes() == ("40x60",)
    assert min(frames.decode_ms) > 0


def test_the_command_prints_a_table_and_writes_json(
    bundle_folder: Path, dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bench.json"
    command = ["bench", str(bundle_folder), "--frames", "5", "--warmup", "1", "--input", str(dataset_folder)]
    assert main([*command, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("p50", "p95", "p99", "encode", "total", "file decode", "Cold start"))
    report = json.loads(out.read_text())
    assert report["bundles"][0]["stages"]["total"]["n"] == 5
    assert report["file_decode"]["n"] == 12
    assert set(report["machine"]) >= {"cpu", "cores", "os", "python", "onnxruntime", "threads"}
