import errno
import json
from pathlib import Path

import block_bundle
import cv2
import pytest
from finished_frames import finished

from edge_nt.runtime import load
from edge_nt.runtime.crew import load_crew
from edge_nt.sinks import disk_guard
from edge_nt.sinks.disk_guard import DiskGuard
from edge_nt.sinks.pictures import Pictures
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sources.files import FileSource
from edge_nt.stream.live_run import LiveRun


def test_it_refuses_below_the_limit_and_looks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DiskGuard(tmp_path, 0).require_room()
    guard = DiskGuard(tmp_path, 1 << 60)
    with pytest.raises(OSError, match="are kept for results") as refusal:
        guard.require_room()
    assert refusal.value.errno == errno.ENOSPC
    monkeypatch.setattr(guard, "_kept_free_bytes", 0)
    guard.require_room()
    DiskGuard(tmp_path).require_room()


def test_a_service_goes_on_with_lines_alone_and_says_so(
    bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = tmp_path / "scan.png"
    cv2.imwrite(str(scan), block_bundle.scan(1))
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(disk_guard, "KEPT_FREE_BYTES", 1 << 60)
    said: list[str] = []
    crew = load_crew(bundle_folder, jobs=1, threads=1, backend="onnxruntime")
    with ResultLog(out, None) as log, Pictures(out, live=True) as pictures:
        summary = LiveRun(crew, FileSource([scan, scan]), [pictures], log, say=said.append).run()
    assert (summary.counts.done, summary.counts.write_errors) == (2, 2)
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [line["not_written"] for line in lines] == [["Pictures"], ["Pictures"]]
    assert len(said) == 1
    assert "kept for results" in said[0]
    assert not [path for path in (out / "reconstructions").rglob("*") if path.is_file()]


def test_a_run_is_not_kept_from_the_last_of_its_disk(
    bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_guard, "KEPT_FREE_BYTES", 1 << 60)
    frame = finished(load(bundle_folder, threads=1), block_bundle.scan(1))
    with Pictures(tmp_path) as pictures:
        assert (tmp_path / str(pictures.prepare(frame)(0)["reconstruction"])).exists()
