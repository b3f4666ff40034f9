"""The check of a dataset folder: every problem, at once, with file and row."""

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import scan_folders

from edge_nt.datasets.check import check_dataset
from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import Preprocess

Breaking = Callable[[Path], None]


def edit(name: str, old: str, new: str) -> Breaking:
    def apply(root: Path) -> None:
        text = (root / name).read_text(encoding="utf-8")
        assert old in text
        (root / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return apply


def truncate(root: Path) -> None:
    path = root / "images/1.png"
    path.write_bytes(path.read_bytes()[:-30])


def shrink(root: Path, height: int = 60, width: int = 250) -> None:
    scan_folders.save(root / "images/1.png", scan_folders.scan(1, height, width))
    text = (root / "boxes.csv").read_text(encoding="utf-8")
    (root / "boxes.csv").write_text(text.replace("images/1.png,NT,50,60,58,120", "images/1.png,NT,1,1,9,9"), "utf-8")


def copy_picture(source: int, target: int) -> Breaking:
    def apply(root: Path) -> None:
        # The same pixels in another file format: what counts is the picture, not its bytes.
        pixels = cv2.imread(str(root / f"images/{source}.png"), cv2.IMREAD_UNCHANGED)
        encoded = cv2.imencode(".bmp", np.asarray(pixels))[1]
        (root / f"images/{target}.png").write_bytes(encoded.tobytes())

    return apply


def link_out(root: Path) -> None:
    outside = scan_folders.save(root.parent / "outside.png", scan_folders.scan(50))
    (root / "images/1.png").unlink()
    (root / "images/1.png").symlink_to(outside)


def outline(polygon: str) -> Breaking:
    """A polygon in the box of the second image, through a column that the others leave empty."""

    def apply(root: Path) -> None:
        head, *lines = (root / "boxes.csv").read_text(encoding="utf-8").splitlines()
        lines = [f'{line},"{polygon}"' if line.startswith("images/1.png") else f"{line}," for line in lines]
        (root / "boxes.csv").write_text("\n".join([f"{head},polygon", *lines]) + "\n", encoding="utf-8")

    return apply


BREAKINGS: list[tuple[Breaking, str, str, int | None, str]] = [
    (lambda root: (root / "images/1.png").unlink(), "error", "images/1.png", 3, "no such file"),
    (lambda root: (root / "images/1.png").write_text("text"), "error", "images/1.png", 3, "not a PNG"),
    (truncate, "error", "images/1.png", 3, "truncated PNG"),
    (shrink, "error", "images/1.png", 3, "at least 64 px"),
    (lambda root: shrink(root, 150, 150), "warning", "images/1.png", 3, "network input 256x192"),
    (link_out, "error", "images/1.png", 3, "out of the dataset folder"),
    (edit("manifest.csv", "images/1.png", "../images/1.png"), "error", "../images/1.png", 3, "path below"),
    (edit("manifest.csv", "images/1.png", "images/0.png"), "error", "images/0.png", 3, "line 2 already"),
    (edit("manifest.csv", "east,scanner,patient-1", ",scanner,patient-1"), "error", "images/1.png", 3, "no hospital"),
    (edit("manifest.csv", "patient-1,train,", "patient-1,train,wide"), "error", "images/1.png", 3, "is 'wide'"),
    (edit("manifest.csv", "patient-1,train,", "patient-1,train,100"), "error", "images/1.png", 3, "'100', not 0.01"),
    (edit("manifest.csv", "patient-1,train,", "patient-1,train,0.0001"), "error", "images/1.png", 3, "leave it empty"),
    (edit("manifest.csv", "1.png,east", "1.png,East"), "error", "images/1.png", 3, "hospital 'East' is spelled 'east'"),
    (edit("manifest.csv", "patient-1,", "Patient-2,"), "error", "images/2.png", 4, "is spelled 'Patient-2'"),
    (edit("manifest.csv", "patient-2", "patient-0"), "error", "images/2.png", 4, "val here, train in line 2"),
    (edit("manifest.csv", "patient-3", "patient-0"), "error", "images/3.png", 5, "west here, east in line 2"),
    (edit("boxes.csv", "images/1.png,NT,50", "images/1.png,NT,fifty"), "error", "images/1.png", 3, "not all numbers"),
    (edit("boxes.csv", "1.png,NT,50,60,58,120", "1.png,NT,50,60,58,261"), "error", "images/1.png", 3, "leaves the"),
    (edit("boxes.csv", "images/1.png,NT,50", "images/1.png,NT,-1"), "error", "images/1.png", 3, "leaves the"),
    (edit("boxes.csv", "1.png,NT,50,60,58,120,", "1.png,NT,50,60,58,120,31"), "error", "images/1.png", 3, "'31', not"),
    (edit("boxes.csv", "1.png,NT,50,60,58,120,", "1.png,NT,50,60,58,120,0"), "error", "images/1.png", 3, "is '0'"),
    (edit("boxes.csv", "images/1.png", "images/x.png"), "error", "images/x.png", 3, "manifest.csv lacks"),
    (edit("boxes.csv", "NT", "palate"), "warning", "boxes.csv", None, "hospital east: 1 of 3 images have no NT"),
    (outline("50,60 58,60"), "error", "images/1.png", 3, "at least 3 points"),
    (outline("50,60 58,60 58,130"), "error", "images/1.png", 3, "box and polygon disagree"),
    (outline("50,60 58,120 58,60 50,120"), "error", "images/1.png", 3, "crosses itself near h 54, w 90"),
    (edit("dataset.json", "synthetic", "real"), "error", "dataset.json", None, "synthetic"),
    (copy_picture(0, 2), "error", "images/2.png", 4, "images/0.png (line 2) in another split"),
    (copy_picture(0, 3), "error", "images/3.png", 5, "images/0.png (line 2) in another hospital"),
    (copy_picture(0, 1), "warning", "images/1.png", 3, "the same pixels as images/0.png (line 2)"),
]  # fmt: skip


def test_a_sound_folder_has_no_problems(tmp_path: Path) -> None:
    scan_folders.dataset(tmp_path)
    done: list[tuple[int, int]] = []
    assert check_dataset(tmp_path, on_image=lambda *counts: done.append(counts)) == ()
    assert done == [(number, 6) for number in range(1, 7)]


def test_the_widest_measures_that_can_be_are_no_problem_and_a_length_is_no_thickness_of_nt(tmp_path: Path) -> None:
    scan_folders.dataset(tmp_path)
    edit("manifest.csv", "patient-1,train,", "patient-1,train,0.01")(tmp_path)
    edit("manifest.csv", "patient-2,val,", "patient-2,val,5")(tmp_path)
    edit("boxes.csv", "1.png,NT,50,60,58,120,", "1.png,NT,50,60,58,120,30")(tmp_path)
    boxes = tmp_path / "boxes.csv"
    boxes.write_text(boxes.read_text(encoding="utf-8") + "images/1.png,CRL,50,60,58,120,84\n", encoding="utf-8")
    assert check_dataset(tmp_path) == ()


@pytest.mark.parametrize(("breaking", "severity", "file", "row", "message"), BREAKINGS)
def test_each_problem_is_found_with_its_row(
    tmp_path: Path, breaking: Breaking, severity: str, file: str, row: int | None, message: str
) -> None:
    root = tmp_path / "data"
    scan_folders.dataset(root)
    breaking(root)
    problems = check_dataset(root)
    found = [p for p in problems if (p.severity, p.file, p.row) == (severity, file, row) and message in p.message]
    assert found, problems
    # Nothing cries wolf beside it: at most the same row, or the box that a changed name leaves without its image.
    assert all(p.file in (file, "images/1.png", "boxes.csv") for p in problems), problems


def test_all_problems_are_found_at_once(tmp_path: Path) -> None:
    root = tmp_path / "data"
    scan_folders.dataset(root)
    (root / "images/0.png").write_bytes(b"")
    copy_picture(3, 5)(root)
    edit("manifest.csv", "east,scanner,patient-1", ",scanner,patient-1")(root)
    edit("boxes.csv", "images/4.png,NT,50", "images/4.png,NT,-9")(root)
    edit("dataset.json", "synthetic", "real")(root)
    errors = [(p.file, p.row) for p in check_dataset(root) if p.severity == "error"]
    assert errors == [
        ("dataset.json", None),
        ("images/1.png", 3),
        ("images/0.png", 2),
        ("images/4.png", 6),
        ("images/5.png", 7),
    ]


@pytest.mark.parametrize("name", ["manifest.csv", "boxes.csv", "dataset.json"])
def test_a_missing_table_is_one_problem(tmp_path: Path, name: str) -> None:
    scan_folders.dataset(tmp_path)
    (tmp_path / name).unlink()
    errors = [problem for problem in check_dataset(tmp_path) if problem.severity == "error"]
    assert [problem.file for problem in errors] == [name]


def test_sizes_can_be_asked_for(tmp_path: Path) -> None:
    scan_folders.dataset(tmp_path)
    assert len(check_dataset(tmp_path, smallest_side_px=201)) == 6
    warnings = check_dataset(tmp_path, preprocess=Preprocess(256, 320))
    assert [problem.severity for problem in warnings] == ["warning"] * 6


def test_no_folder_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "none"))):
        check_dataset(tmp_path / "none")


def test_a_sound_polygon_is_no_problem_and_one_outside_the_frame_is(tmp_path: Path) -> None:
    scan_folders.dataset(tmp_path)
    outline("50,60 58,60 58,120")(tmp_path)
    assert check_dataset(tmp_path) == ()
    edit("boxes.csv", "58,120,", "58,300,")(tmp_path)
    edit("boxes.csv", "images/1.png,NT,50,60,58,120", "images/1.png,NT,50,60,58,300")(tmp_path)
    text = (tmp_path / "boxes.csv").read_text(encoding="utf-8").replace("58,60 58,120", "58,60 58,300")
    (tmp_path / "boxes.csv").write_text(text, encoding="utf-8")
    assert any(problem.row == 3 and "leaves the frame" in problem.message for problem in check_dataset(tmp_path))


def test_a_folder_of_other_structures_is_asked_for_those(tmp_path: Path) -> None:
    scan_folders.dataset(tmp_path)
    text = (tmp_path / "boxes.csv").read_text(encoding="utf-8").replace(",NT,", ",CRL,").replace("CRL", "bone", 1)
    (tmp_path / "boxes.csv").write_text(text, encoding="utf-8")
    messages = [problem.message for problem in check_dataset(tmp_path)]
    assert "hospital east: 1 of 3 images have no CRL box" in messages
    assert "hospital west: 3 of 3 images have no bone box" in messages
    assert not any("NT" in message for message in messages)
