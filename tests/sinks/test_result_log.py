"""The lines of results: what they say, and that kills, damage and rotation lose nothing that is done."""

import json
import subprocess
import sys
from pathlib import Path

import block_bundle
import cv2
import pytest
from finished_frames import finished, finished_file

from edge_nt.errors import InputError
from edge_nt.runtime import load
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sinks.log_segments import LogLimits
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sinks.sink import FailedFrame, FinishedFrame
from edge_nt.sources.files import place_of
from edge_nt.sources.source import FilePlace, Offer


@pytest.fixture
def reconstructor(bundle_folder: Path) -> Reconstructor:
    return load(bundle_folder, threads=1)


def frame_of(reconstructor: Reconstructor, place: FilePlace | None) -> FinishedFrame:
    name = "live" if place is None else str(place.path)
    if place is not None and place.frames != 1:
        name += f"#{place.frame + 1}"
    return finished(reconstructor, block_bundle.scan(1), name, place=place)


def scan_place(number: int) -> FilePlace:
    return FilePlace(Path(f"/inbox/{number}.png"), 1000 + number, 10**18 + number)


def lines_of(folder: Path) -> list[dict]:
    files = [*sorted(folder.glob("results-*.jsonl")), folder / "results.jsonl"]
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_a_line_says_which_frame_of_which_file_it_is_about(reconstructor: Reconstructor, tmp_path: Path) -> None:
    scan = tmp_path / "scan.png"
    scan.write_bytes(block_bundle.scan(1).tobytes())
    cine = FilePlace(Path("/inbox/cine.dcm"), 5, 6, frame=2, frames=9)
    error = InputError(expected="a", got="b", fix="c")
    with ResultLog(tmp_path, "passed", bundle="0123456789abcdef") as log:
        log.add(frame_of(reconstructor, place_of(scan)), {"reconstruction": "x.png"}, 1.0)
        log.add(frame_of(reconstructor, cine), {}, 1.0)
        log.add_failure(FailedFrame(Offer("camera", "camera#1", 1.0, lambda: None), error))
        assert log.count == 3
        assert not log.done(cine)
    first, second, third = lines_of(tmp_path)
    status = scan.stat()
    assert (first["number"], first["file"], first["size_bytes"]) == (0, str(scan), status.st_size)
    assert first["modified_ns"] == status.st_mtime_ns
    assert "path" not in first
    assert "frame" not in first
    assert (second["path"], second["frame"], second["frames"]) == ("/inbox/cine.dcm", 2, 9)
    assert (third["number"], third["error"], third["verdict"]) == (2, str(error), "passed")
    assert "size_bytes" not in third
    assert {line["bundle"] for line in (first, second, third)} == {"0123456789ab"}


def test_a_restart_knows_what_is_done_and_counts_on(reconstructor: Reconstructor, tmp_path: Path) -> None:
    cine = [FilePlace(Path("/inbox/c.dcm"), 5, 6, frame, 3) for frame in range(3)]
    with ResultLog(tmp_path, None, LogLimits()) as log:
        log.add(frame_of(reconstructor, scan_place(0)), {}, 1.0)
        log.add(frame_of(reconstructor, cine[0]), {}, 1.0)
        assert log.done(scan_place(0))
    with ResultLog(tmp_path, None, LogLimits()) as log:
        assert log.count == 2
        assert [log.done(place) for place in (scan_place(0), scan_place(1), *cine)] == [True, False, True, False, False]
        log.add_failure(
            FailedFrame(frame_of(reconstructor, scan_place(1)).offer, InputError(expected="", got="", fix=""))
        )
        assert log.done(scan_place(1))
    assert [line["number"] for line in lines_of(tmp_path)] == [0, 1, 2]


def test_a_file_that_may_not_be_named_is_known_again_by_a_line_that_does_not_name_it(
    reconstructor: Reconstructor, tmp_path: Path
) -> None:
    place = FilePlace(Path("/inbox/DOE^JANE.png"), 4711, 10**18 + 815, named=False)
    with ResultLog(tmp_path, None, LogLimits()) as log:
        log.add(finished(reconstructor, block_bundle.scan(1), "frame-0", place=place), {}, 1.0)
    text = (tmp_path / "results.jsonl").read_text()
    assert not [secret for secret in ("DOE", "inbox", "4711", str(10**18 + 815)) if secret in text]
    with ResultLog(tmp_path, None, LogLimits()) as log:
        assert log.done(place)
        assert not log.done(scan_place(0))


def test_every_cut_of_the_file_is_continued_with_whole_lines(reconstructor: Reconstructor, tmp_path: Path) -> None:
    with ResultLog(tmp_path, None, LogLimits()) as log:
        for number in range(3):
            log.add(frame_of(reconstructor, scan_place(number)), {}, 1.0)
    whole = (tmp_path / "results.jsonl").read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for cut in [*range(0, len(whole), 97), *ends, *(end - 1 for end in ends)]:
        (tmp_path / "results.jsonl").write_bytes(whole[:cut])
        kept = sum(end <= cut for end in ends)
        with ResultLog(tmp_path, None, LogLimits()) as log:
            assert log.count == kept
            assert [log.done(scan_place(number)) for number in range(3)] == [number < kept for number in range(3)]
            log.add(frame_of(reconstructor, scan_place(9)), {}, 1.0)
        assert [line["number"] for line in lines_of(tmp_path)] == list(range(kept + 1))


def test_a_damaged_line_costs_only_itself_and_is_counted_and_said(
    reconstructor: Reconstructor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ResultLog(tmp_path, None, LogLimits()) as log:
        for number in range(4):
            log.add(frame_of(reconstructor, scan_place(number)), {}, 1.0)
    lines = (tmp_path / "results.jsonl").read_bytes().splitlines(keepends=True)
    lines[1] = b"\0" * 50 + b"\n"
    lines[2] = b'{"number": "2", "file": 3}\n'
    (tmp_path / "results.jsonl").write_bytes(b"".join(lines))
    with ResultLog(tmp_path, None, LogLimits()) as log:
        assert (log.damaged_lines, log.count) == (2, 4)
        assert [log.done(scan_place(number)) for number in range(4)] == [True, False, False, True]
    assert [record.getMessage()[:29] for record in caplog.records] == ["2 lines of earlier processes "]


def test_rotation_forgets_old_lines_but_nothing_that_is_done(reconstructor: Reconstructor, tmp_path: Path) -> None:
    limits = LogLimits(segment_bytes=4000, kept_bytes=9000, sync_every_s=1.0)
    with ResultLog(tmp_path, None, limits) as log:
        for number in range(40):
            log.add(frame_of(reconstructor, scan_place(number)), {}, 1.0)
    numbers = [line["number"] for line in lines_of(tmp_path)]
    assert numbers == list(range(numbers[0], 40))
    assert numbers[0] > 10
    assert sum(file.stat().st_size for file in tmp_path.glob("results-*.jsonl")) <= 9000
    assert all((tmp_path / f"results-{number:010d}.jsonl").exists() for number in numbers[:1])
    with ResultLog(tmp_path, None, limits) as log:
        assert log.count == 40
        assert all(log.done(scan_place(number)) for number in range(40))
        assert not log.done(scan_place(40))


def test_a_kill_between_the_list_and_the_name_of_a_rotation_loses_nothing(
    reconstructor: Reconstructor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = LogLimits(segment_bytes=1)
    replace = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if self.name == "results.jsonl":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    with ResultLog(tmp_path, None, limits) as log:
        log.add(frame_of(reconstructor, scan_place(0)), {}, 1.0)
        with pytest.raises(KeyboardInterrupt):
            log.add(frame_of(reconstructor, scan_place(1)), {}, 1.0)
    monkeypatch.undo()
    assert (tmp_path / "done.npz").exists()
    with ResultLog(tmp_path, None, limits) as log:
        assert (log.count, log.done(scan_place(0)), log.done(scan_place(1))) == (1, True, False)


def test_without_the_list_the_kept_lines_tell(reconstructor: Reconstructor, tmp_path: Path) -> None:
    limits = LogLimits(segment_bytes=1)
    with ResultLog(tmp_path, None, limits) as log:
        for number in range(4):
            log.add(frame_of(reconstructor, scan_place(number)), {}, 1.0)
    (tmp_path / "done.npz").unlink()
    with ResultLog(tmp_path, None, limits) as log:
        assert log.count == 4
        assert all(log.done(scan_place(number)) for number in range(4))


_HOLD = """
import sys, time
from pathlib import Path
from edge_nt.sinks.log_segments import LogLimits
from edge_nt.sinks.result_log import ResultLog
with ResultLog(Path(sys.argv[1]), None, LogLimits()):
    print("held", flush=True)
    time.sleep(60)
"""


def test_only_one_process_writes_an_output_folder_and_its_death_frees_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="no other process"), ResultLog(tmp_path, None, LogLimits()):
            pass
        other.kill()
    with ResultLog(tmp_path, None, LogLimits()) as log:
        assert log.count == 0


_FULL = """
import resource, signal, sys
from pathlib import Path
from edge_nt.errors import InputError
from edge_nt.sinks.log_segments import LogLimits, LogSegments
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with LogSegments(Path(sys.argv[1]) / "results.jsonl", LogLimits()) as log:
    for number in range(5):
        log.write({"number": number, "file": "x" * 100}, None)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log._lines.size_bytes + 40, resource.RLIM_INFINITY))
    try:
        log.write({"number": 5, "file": "x" * 100}, None)
    except InputError as error:
        print(error, log.next_number)
"""


def test_a_disk_without_room_leaves_no_half_line(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "room for results" in done.stdout
    assert done.stdout.strip().endswith(" 5")
    assert [line["number"] for line in lines_of(tmp_path)] == list(range(5))


def test_a_file_that_was_written_again_is_another_one(reconstructor: Reconstructor, tmp_path: Path) -> None:
    scan = tmp_path / "scan.png"
    cv2.imwrite(str(scan), block_bundle.scan(1))
    with ResultLog(tmp_path, None, LogLimits()) as log:
        log.add(finished_file(reconstructor, scan), {}, 1.0)
        place = place_of(scan)
        assert place is not None
        assert log.done(place)
        cv2.imwrite(str(scan), block_bundle.scan(2))
        again = place_of(scan)
        assert again is not None
        assert not log.done(again)
