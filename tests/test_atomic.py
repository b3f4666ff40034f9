"""Files and folders that are whole or absent, whatever happens on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_nt.atomic import TEMPORARY_PREFIX, atomic_file, atomic_folder, write_json, write_text
from edge_nt.bundle.output_file import check_output_folder
from edge_nt.errors import InputError


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(TEMPORARY_PREFIX)]


def test_a_file_appears_whole_with_ordinary_permissions(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with atomic_file(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    ordinary = tmp_path / "ordinary"
    ordinary.write_text("")
    assert path.stat().st_mode == ordinary.stat().st_mode
    assert not leftovers(path.parent)


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file(tmp_path: Path, interruption: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail_halfway() -> None:
        with atomic_file(path) as temporary:
            temporary.write_text("new")
            raise interruption

    with pytest.raises(interruption):
        fail_halfway()
    assert path.read_text() == "old"
    assert not leftovers(tmp_path)


def test_a_folder_replaces_an_older_one_entirely(tmp_path: Path) -> None:
    path = tmp_path / "out"
    for name in ("first", "second"):
        with atomic_folder(path) as temporary:
            (temporary / "deep").mkdir()
            (temporary / "deep" / name).write_text(name)
    assert [file.name for file in path.rglob("*") if file.is_file()] == ["second"]
    assert path.stat().st_mode & 0o777 == 0o777 & ~_umask()
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_folder(tmp_path: Path, interruption: type[BaseException]) -> None:
    path = tmp_path / "out"
    path.mkdir()
    (path / "old").write_text("old")

    def fail_halfway() -> None:
        with atomic_folder(path) as temporary:
            (temporary / "new").write_text("new")
            raise interruption

    with pytest.raises(interruption):
        fail_halfway()
    assert [file.name for file in path.iterdir()] == ["old"]
    assert not leftovers(tmp_path)


def test_json_refuses_what_json_cannot_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": [1, 2.5]})
    assert json.loads(path.read_text()) == {"a": [1, 2.5]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": [1, 2.5]}


def test_a_killed_writer_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from edge_nt.atomic import atomic_folder\n"
        "with atomic_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('half'); print('writing', flush=True); time.sleep(60)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "out")], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert not (tmp_path / "out").exists()
    assert leftovers(tmp_path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "old").write_text("old")
    replaced: list[Path] = []

    def interrupted(self: Path, target: Path) -> Path:
        replaced.append(self)
        if len(replaced) == 2:  # between the two renames
            raise KeyboardInterrupt
        return self.rename(target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "bundle") as folder:
        (folder / "new").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert (tmp_path / "bundle" / "old").read_text() == "old"


def test_no_thread_ever_changes_the_umask_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0o027)
    try:
        monkeypatch.setattr(os, "umask", lambda _mask: pytest.fail("files of other threads would be open to all"))
        write_text(tmp_path / "a.txt", "a")
        with atomic_folder(tmp_path / "out") as temporary:
            (temporary / "b.txt").write_text("b")
    finally:
        monkeypatch.undo()
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("a.txt", "out", "out/b.txt")]
    assert modes == [0o640, 0o750, 0o640]


def test_the_working_folder_may_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with atomic_folder(Path()) as temporary:
        (temporary / "new").write_text("new")
    assert (tmp_path / "here" / "new").read_text() == "new"
    assert not leftovers(tmp_path)


def test_a_mounted_disk_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == tmp_path / "disk")
    (tmp_path / "disk").mkdir()
    with pytest.raises(OSError, match="a folder on it"), atomic_folder(tmp_path / "disk"):
        pytest.fail("the work would be lost")
    with pytest.raises(InputError, match="a folder on it"):
        check_output_folder(tmp_path / "disk", replaced=True)
    check_output_folder(tmp_path / "disk")
    assert not leftovers(tmp_path)


def test_what_cannot_be_deleted_of_an_old_folder_spoils_no_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "out" / "old", "old")
    real = shutil.rmtree

    def denied(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise PermissionError(13, "somebody else's", str(path))

    monkeypatch.setattr(shutil, "rmtree", denied)
    with atomic_folder(tmp_path / "out") as temporary:
        (temporary / "new").write_text("new")
    monkeypatch.setattr(shutil, "rmtree", real)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["new"]


def test_a_writer_that_puts_a_file_of_its_own_in_place_changes_no_permissions(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with atomic_file(tmp_path / "weights") as temporary:
            temporary.unlink()
            temporary.touch(0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "weights").stat().st_mode & 0o777 == 0o644


def test_a_folder_takes_the_place_of_a_file_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with atomic_folder(tmp_path / "out") as temporary:
        (temporary / "new").write_text("new")
    assert (tmp_path / "out" / "new").is_file()
    assert not leftovers(tmp_path)


def test_a_link_to_a_mounted_disk_or_to_itself_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loop").symlink_to("loop")
    # Found out here or when it is made, but never by an error that nobody expects.
    with pytest.raises((InputError, OSError)), atomic_folder(tmp_path / "loop" / "out"):
        check_output_folder(tmp_path / "loop", replaced=True)
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == tmp_path / "disk")
    with pytest.raises(InputError, match="a folder on it"):
        check_output_folder(tmp_path / "link", replaced=True)
