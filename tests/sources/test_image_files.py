from pathlib import Path

import pytest

from edge_nt.errors import InputError
from edge_nt.imaging.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from edge_nt.sources.image_files import image_files


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_folder_stands_for_its_images_sorted_and_each_once(tmp_path: Path) -> None:
    touch(tmp_path, "b.png", "a/z.JPG", "a/k.dcm", "notes.txt", "c.tiff")
    found = [path.relative_to(tmp_path).as_posix() for path in image_files([tmp_path / "c.tiff", tmp_path])]
    assert found == ["c.tiff", "a/k.dcm", "a/z.JPG", "b.png"]


def test_what_a_killed_process_left_is_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", ".edge-nt-partial-x1.png", ".edge-nt-partial-dir/b.png")
    assert image_files([tmp_path]) == (tmp_path / "a.png",)


def test_a_named_file_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "IM0001")
    assert image_files([tmp_path / "IM0001"]) == (tmp_path / "IM0001",)


def test_a_missing_path_or_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file: .*gone"):
        image_files([tmp_path / "gone"])
    with pytest.raises(InputError, match="none in"):
        image_files([tmp_path])


def test_videos_in_folders_are_taken_where_they_are_asked_for(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.MP4")
    assert image_files([tmp_path]) == (tmp_path / "a.png",)
    assert image_files([tmp_path], None, IMAGE_SUFFIXES | VIDEO_SUFFIXES) == (tmp_path / "a.png", tmp_path / "b.MP4")


def test_what_was_drawn_below_the_folder_is_no_frame(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "run/results.jsonl", "run/reconstructions/0.png", "serve/writer.lock", "serve/x/y/0.png")
    assert image_files([tmp_path]) == (tmp_path / "a.png",)
    # Named itself, it is taken.
    assert image_files([tmp_path / "run" / "reconstructions"]) == (tmp_path / "run" / "reconstructions" / "0.png",)
