"""`edge-nt serve` in a folder that is not new: somebody's, its own, and what it takes up of an earlier start."""

import json
import shutil
import time
from pathlib import Path

import block_bundle
import cv2
import pytest
from serve_process import serve_process

from edge_nt.cli.app import main
from edge_nt.errors import InputError
from edge_nt.sources.output_folder import refuse_foreign
from edge_nt.sources.spec_options import folder_of


def _scans(folder: Path, *seeds: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        cv2.imwrite(str(folder / f"{seed}.png"), block_bundle.scan(seed, 240, 320))
    return folder


def _serve(bundle: Path, source: Path, out: Path, *more: str) -> int:
    command = ["serve", str(bundle), "--source", str(source), "--out", str(out), "--listen", "127.0.0.1:0"]
    return main([*command, "--backend", "onnxruntime", "--jobs", "1", "--threads", "1", *more])


def _lines(out: Path) -> int:
    return len((out / "results.jsonl").read_text().splitlines())


@pytest.mark.parametrize("theirs", ["thesis.tex", "photos/1.png", "frames.jsonl"])
def test_a_folder_of_somebody_else_is_refused_before_anything_is_written(
    theirs: str, bundle_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "home"
    (out / theirs).parent.mkdir(parents=True)
    (out / theirs).write_text("years of work")
    assert _serve(bundle_folder, _scans(tmp_path / "in", 1), out) == 2
    (error,) = capfd.readouterr().err.splitlines()
    assert f"Got {out} with 1 files or folders in it and no results.jsonl. Fix: name another folder" in error
    assert [path for path in out.rglob("*") if path.is_file()] == [out / theirs]


def test_what_nobody_put_there_is_not_in_the_way(bundle_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "disk" / "lost+found").mkdir(parents=True)
    (tmp_path / "disk" / ".Trash-1000").mkdir()
    assert _serve(bundle_folder, _scans(tmp_path / "in", 1), tmp_path / "disk") == 0
    assert _lines(tmp_path / "disk") == 1


@pytest.mark.parametrize("mark", ["results.jsonl", "writer.lock", "drift.json"])
def test_a_folder_that_it_once_wrote_to_is_its_own_whatever_else_is_there(
    mark: str, bundle_folder: Path, tmp_path: Path
) -> None:
    before, out = tmp_path / "before", tmp_path / "out"
    assert _serve(bundle_folder, _scans(tmp_path / "first", 9), before) == 0
    out.mkdir()
    shutil.copyfile(before / mark, out / mark)
    (out / "notes.txt").write_text("on these results")
    assert _serve(bundle_folder, _scans(tmp_path / "in", 1), out) == 0
    assert _lines(out) == (2 if mark == "results.jsonl" else 1)
    assert (out / "notes.txt").exists()


def test_what_a_service_leaves_when_its_lines_were_moved_away_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "done.npz").touch()
    (tmp_path / "pictures").mkdir()
    refuse_foreign(tmp_path, None)


def test_a_camera_s_number_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="1 files or folders"):
        refuse_foreign(tmp_path, folder_of("camera:0"))
    refuse_foreign(tmp_path, folder_of("watch:0"))


def test_the_folder_that_is_the_source_may_lie_in_it(bundle_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _scans(out / "inbox" / "today", 1)
    assert _serve(bundle_folder, out / "inbox" / "today", out) == 0
    assert _lines(out) == 1
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "inbox").symlink_to(_scans(tmp_path / "elsewhere", 2))
    assert _serve(bundle_folder, linked / "inbox", linked) == 0
    # A file is not: others may lie beside it.
    single = _scans(tmp_path / "single", 3)
    assert _serve(bundle_folder, single / "3.png", single) == 2


def test_a_start_with_another_bundle_costs_no_drift_standard(
    bundle_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other, out = block_bundle.write(tmp_path / "other", checkpoint="d" * 64), tmp_path / "out"
    assert _serve(bundle_folder, _scans(tmp_path / "a", 1, 2, 3), out) == 0
    before = json.loads((out / "drift.json").read_text())
    assert before["exams_seen"] == 3
    # One that never gets to its first frame, and one that does.
    assert _serve(other, tmp_path / "a", out, "--listen", "192.0.2.1:80", "--expose") == 3
    assert _serve(other, _scans(tmp_path / "b", 4), out) == 0
    kept = out / f"drift-{before['model'][:12]}-files.json"
    assert json.loads(kept.read_text()) == before
    capfd.readouterr()
    assert _serve(bundle_folder, _scans(tmp_path / "c", 5, 6), out) == 0
    after = json.loads((out / "drift.json").read_text())
    assert (after["model"], after["exams_seen"]) == (before["model"], 5)
    assert not kept.exists()
    assert f"the standard that was kept as {kept}" in capfd.readouterr().err
    # The other one's is kept in its turn.
    assert _serve(other, _scans(tmp_path / "d", 7), out) == 0
    assert json.loads((out / "drift.json").read_text())["exams_seen"] == 2


def test_at_its_end_it_says_how_many_files_were_done_before(
    bundle_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    scans, out = _scans(tmp_path / "in", 1, 2, 3), tmp_path / "out"
    assert _serve(bundle_folder, scans, out) == 0
    assert "done before" not in capfd.readouterr().err
    assert _serve(bundle_folder, scans, out) == 0
    said = capfd.readouterr().err
    assert "0 offered" in said
    assert "files done before, wholly or in part: 3" in said


def test_a_watched_folder_counts_a_file_that_was_done_before_once_however_often_it_is_looked_at(
    bundle_folder: Path, tmp_path: Path
) -> None:
    inbox, out = _scans(tmp_path / "inbox", 1, 2), tmp_path / "out"
    for number, newest in enumerate((3, 4)):
        _scans(inbox, newest)
        with serve_process(bundle_folder, f"watch:{inbox}?settle=0.05&poll=0.05", out) as served:
            deadline = time.monotonic() + 20
            while not (out / "results.jsonl").exists() or len(served.lines()) < 3 + number:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            time.sleep(0.5)
            assert served.end()[0] == 0
            said = next(line for line in served.log if "ended after" in line)
    assert "1 offered" in said
    assert said.endswith("files done before, wholly or in part: 3\n")
