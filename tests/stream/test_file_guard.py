"""Files that end the process: found out after three deaths of a real service, at nobody else's cost."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import block_bundle
import cv2
import poisoned_service
import pytest
from dicom_files import write_cine
from video_files import moving_scans, write_video

from edge_nt.errors import InputError
from edge_nt.sources.source import FilePlace
from edge_nt.stream.file_guard import SUSPECTS_NAME, UNDER_WAY_NAME, FileGuard

ENDED = "at which the process ended 3 times"


def serve(bundle: Path, source: str, out: Path, lines: int, *more: str) -> tuple[list, Counter, list[dict]]:
    """How each start ended, how often work on each guilty file was begun, and the lines."""
    command = [sys.executable, poisoned_service.__file__, str(bundle), source, str(out), str(lines), *more]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    said = json.loads(done.stdout)
    written = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    return said["ended"], Counter(said["begun"]), written


def fill(folder: Path, *names: str) -> None:
    folder.mkdir()
    for seed, name in enumerate(names):
        if name.endswith(".png"):
            cv2.imwrite(str(folder / name), block_bundle.scan(seed))
        elif name.endswith(".dcm"):
            write_cine(folder / name, moving_scans(5))
        else:
            write_video(folder / name, moving_scans(5))


def frames(folder: Path, name: str, count: int) -> list[str]:
    return [f"{folder / name}#{number}" for number in range(1, count + 1)]


def test_a_picture_and_a_video_that_crash_are_given_up_and_all_others_are_done_once(
    bundle_folder: Path, tmp_path: Path
) -> None:
    inbox, out = tmp_path / "inbox", tmp_path / "out"
    sound = [f"{letter}.png" for letter in "acdefgik"]
    fill(inbox, *sound, "b-crash.png", "h-crash.avi", "j.avi")
    expected = [str(inbox / name) for name in (*sound, "b-crash.png")]
    # The third frame ends the process, so that neither it nor those behind it can be read.
    expected += frames(inbox, "h-crash.avi", 3) + frames(inbox, "j.avi", 5)
    ended, begun, lines = serve(bundle_folder, f"watch:{inbox}?settle=0.02", out, len(expected))
    assert ended[-1] == 0
    assert set(ended[:-1]) == {"SIGSEGV"}
    assert 3 <= len(ended) - 1 <= 6
    assert set(begun) == {"b-crash.png", "h-crash.avi"}
    assert max(begun.values()) == 3
    assert Counter(line["file"] for line in lines) == Counter(expected)
    errors = {line["file"]: line["error"] for line in lines if "error" in line}
    guilty = {str(inbox / "b-crash.png"), f"{inbox / 'h-crash.avi'}#3"}
    assert set(errors) == guilty
    for name, error in errors.items():
        assert f"Got {name}, {ENDED}. Fix: take the file away" in error


def test_a_cine_that_hangs_is_given_up_from_that_frame_on_without_a_name(bundle_folder: Path, tmp_path: Path) -> None:
    inbox, out = tmp_path / "inbox", tmp_path / "out"
    fill(inbox, "a.png", "hang-Yamada.dcm", "z.png")
    ended, begun, lines = serve(bundle_folder, str(inbox), out, 99, "deidentify")
    assert ended == ["SIGABRT"] * 3 + [0]
    assert begun == {"hang-Yamada.dcm": 3}
    assert len(lines) == 5
    (failed,) = (line for line in lines if "error" in line)
    assert failed["frame"] == 2
    assert f"Got the file#3, {ENDED}" in failed["error"]
    for file in out.iterdir():
        assert b"Yamada" not in file.read_bytes()


def place(number: int, frame: int = 0) -> FilePlace:
    return FilePlace(Path(f"/scans/{number}.png"), 100, 10**18, frame, None)


def die_at(folder: Path, *places: FilePlace) -> None:
    """What a process leaves that ended while it worked on `places`."""
    with FileGuard(folder, len(places)) as guard:
        begun = [guard.computing(each) for each in places]
        for work in begun:
            work.__enter__()
    # Coming back too late, as threads that were left behind do when the interpreter ends, changes nothing.
    del work, begun


def suspects(folder: Path) -> list[tuple[int, int]]:
    record = json.loads((folder / SUSPECTS_NAME).read_text())
    return sorted((each["frame"], each["deaths"]) for each in record["suspects"])


def test_a_suspect_waits_for_others_and_others_wait_for_it_and_one_that_came_back_is_none(tmp_path: Path) -> None:
    die_at(tmp_path, place(0), place(1))
    inside: set[int] = set()
    met: list[set[int]] = []

    def work(number: int) -> None:
        with guard.computing(place(number)):
            inside.add(number)
            time.sleep(0.03)
            met.append(set(inside))
            inside.remove(number)

    with FileGuard(tmp_path, 8) as guard:
        assert [deaths for _, deaths in suspects(tmp_path)] == [1, 1]
        threads = [threading.Thread(target=work, args=(number,)) for number in (0, 5, 6, 1, 7, 8)]
        for thread in threads:
            thread.start()
            time.sleep(0.005)
        for thread in threads:
            thread.join()
    assert len(met) == 6
    assert max(map(len, met)) > 1
    assert all(len(beside) == 1 for beside in met if beside & {0, 1})
    assert suspects(tmp_path) == []


def test_where_files_are_not_to_be_named_neither_log_nor_errors_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        die_at(tmp_path, place(7))
    with FileGuard(tmp_path, 1, named=False) as guard:
        with pytest.raises(InputError, match="Got the file") as refused, guard.opening(place(7)):
            pass
        assert "scans" not in str(refused.value)
    die_at(tmp_path, place(8))
    caplog.clear()
    with FileGuard(tmp_path, 1, named=False) as guard, guard.computing(place(8)):
        pass
    assert "the file#1 is worked on alone" in caplog.text
    assert "/scans/" not in caplog.text


def test_frames_behind_one_that_was_given_up_fail_with_it_and_those_before_do_not(tmp_path: Path) -> None:
    for _ in range(3):
        die_at(tmp_path, place(0, 7))
    with FileGuard(tmp_path, 1) as guard:
        for stage in (guard.opening, guard.computing):
            for frame in (7, 8, 99):
                with pytest.raises(InputError, match=f"/scans/0.png#8, {ENDED}"), stage(place(0, frame)):
                    raise AssertionError
            with stage(place(0, 6)), stage(place(1, 7)):
                pass
    # Written anew, it is another file.
    with FileGuard(tmp_path, 1) as guard, guard.computing(FilePlace(Path("/scans/0.png"), 100, 10**18 + 1, 7, None)):
        pass
    assert suspects(tmp_path) == [(7, 3)]


@pytest.mark.parametrize(
    "garbage", [b"x", b"\0" * 31, bytes(range(256)) * 3, b"\xff" * 32 * 5000, b'{"kind": "edge-nt suspects"}']
)
def test_damaged_records_count_as_empty_with_a_warning(
    tmp_path: Path, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (UNDER_WAY_NAME, SUSPECTS_NAME):
        (tmp_path / name).write_bytes(garbage)
    die_at(tmp_path, place(3, 5))
    assert {UNDER_WAY_NAME, SUSPECTS_NAME} == {name for name in (UNDER_WAY_NAME, SUSPECTS_NAME) if name in caplog.text}
    with FileGuard(tmp_path, 1):
        assert suspects(tmp_path) == [(5, 1)]


def test_a_damaged_slot_costs_no_other(tmp_path: Path) -> None:
    die_at(tmp_path, place(3, 5), place(3, 6))
    content = bytearray((tmp_path / UNDER_WAY_NAME).read_bytes())
    content[next(place for place, byte in enumerate(content) if byte)] ^= 1
    (tmp_path / UNDER_WAY_NAME).write_bytes(content)
    with FileGuard(tmp_path, 1):
        assert len(suspects(tmp_path)) == 1


def test_a_folder_that_cannot_keep_them_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / UNDER_WAY_NAME).mkdir()
    with pytest.raises(InputError, match=UNDER_WAY_NAME), FileGuard(tmp_path, 1):
        pass
