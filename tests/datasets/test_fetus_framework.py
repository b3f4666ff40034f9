"""The importer of the public release, on a small copy of its layout and on the real one."""

import os
import sys
from pathlib import Path

import openpyxl
import pytest
import scan_folders
from philips_overlay import draw_frame

from edge_nt.datasets.check import check_dataset
from edge_nt.datasets.dataset import read_dataset
from edge_nt.datasets.fetus_framework import import_fetus_framework
from edge_nt.errors import InputError, MissingDependencyError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return scan_folders.release(tmp_path / "release")


def test_standard_planes_come_over_unchanged(source: Path, tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    made = import_fetus_framework(source, tmp_path / "out", on_image=lambda done, total: progress.append((done, total)))
    assert progress[-1] == (23, 23)
    assert [row.file for row in made.rows] == [f"images/{number}.png" for number in range(23)]
    assert {row.hospital for row in made.rows[:20]} == {"internal"}
    assert {row.hospital for row in made.rows[20:]} == {"external"}
    assert made.boxes["images/0.png"][0].roi.w_max == 120
    original = source / "External Test Set" / "Standard" / "21.png"
    assert (tmp_path / "out" / "images" / "21.png").read_bytes() == original.read_bytes()
    assert read_dataset(tmp_path / "out").rows == made.rows
    assert not [problem for problem in check_dataset(tmp_path / "out") if problem.severity == "error"]


def test_one_picture_in_two_files_is_one_patient(source: Path, tmp_path: Path) -> None:
    rows = {row.file: row for row in import_fetus_framework(source, tmp_path / "out").rows}
    assert rows["images/7.png"].patient == rows["images/13.png"].patient == "7"
    assert rows["images/7.png"].split == rows["images/13.png"].split
    assert len({row.patient for row in rows.values()}) == 22
    assert {row.split for row in rows.values() if row.hospital == "external"} == {"train", "val"}


def test_sites_and_added_boxes_are_used(source: Path, tmp_path: Path) -> None:
    sites = [f"{number}.png,{'east' if number < 12 else 'west'},s{number % 2}" for number in range(23)]
    (source / "sites.csv").write_text("\n".join(["fname,hospital,scanner", *sites]), encoding="utf-8")
    (source / "west_nt_boxes.csv").write_text(
        "fname,structure,h_min,w_min,h_max,w_max,confidence\n21.png,NT,1,2,30,40,high\n", encoding="utf-8"
    )
    made = import_fetus_framework(source, tmp_path / "out")
    assert [(row.hospital, row.scanner) for row in made.rows[10:14]] == [
        ("east", "s0"),
        ("east", "s1"),
        ("west", "s0"),
        ("west", "s1"),
    ]
    roi = made.roi(made.rows[21], "NT")
    assert roi is not None
    assert (roi.h_min, roi.w_min, roi.h_max, roi.w_max) == (1, 2, 30, 40)
    (source / "sites.csv").write_text("\n".join(["fname,hospital,scanner", *sites[:-2]]), encoding="utf-8")
    with pytest.raises(InputError, match=r"21\.png, 22\.png \(2 files\)"):
        import_fetus_framework(source, tmp_path / "again")


@pytest.mark.parametrize(
    "cells", [("0.png", "NT", 58, 60, 50, 120), ("0.png", "NT", "x", 60, 58, 120), ("0.png", None, 1, 2, 3, 4)]
)
def test_bad_boxes_are_named_by_row(tmp_path: Path, cells: tuple[object, ...]) -> None:
    source = scan_folders.release(tmp_path / "release", boxes=[("1.png", "NT", 1, 1, 9, 9), cells])
    with pytest.raises(InputError, match=r"ObjectDetection\.xlsx row 3"):
        import_fetus_framework(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_truncated_image_leaves_no_folder(source: Path, tmp_path: Path) -> None:
    last = source / "External Test Set" / "Standard" / "22.png"
    last.write_bytes(last.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"22\.png: truncated PNG"):
        import_fetus_framework(source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["release"]


def test_other_folders_and_broken_workbooks_are_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ObjectDetection\.xlsx"):
        import_fetus_framework(tmp_path, tmp_path / "out")
    (source / "ObjectDetection.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    with pytest.raises(InputError, match="Excel workbook"):
        import_fetus_framework(source, tmp_path / "out")


def test_one_name_in_two_folders_is_refused(source: Path, tmp_path: Path) -> None:
    scan_folders.save(source / "Internal Test Set" / "Standard" / "3.png", scan_folders.scan(55))
    with pytest.raises(InputError, match=r"3\.png twice"):
        import_fetus_framework(source, tmp_path / "out")


def test_a_file_with_two_sites_is_refused(source: Path, tmp_path: Path) -> None:
    sites = [f"{number}.png,east,s" for number in range(23)]
    (source / "sites.csv").write_text("\n".join(["fname,hospital,scanner", *sites, "3.png,west,s"]), encoding="utf-8")
    with pytest.raises(InputError, match=r"another one for 3\.png in line 25"):
        import_fetus_framework(source, tmp_path / "out")


def test_a_short_row_of_the_workbook_is_named(source: Path, tmp_path: Path) -> None:
    # As openpyxl's own writer for large files leaves it: no size of the sheet, and no cell at the end of a row.
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["fname", "structure", "h_min", "w_min", "h_max", "w_max"])
    sheet.append(["0.png", "NT", 1, 2, 30])
    book.save(source / "ObjectDetection.xlsx")
    with pytest.raises(InputError, match=r"row 2.*mend the row"):
        import_fetus_framework(source, tmp_path / "out")


@pytest.mark.parametrize("name", [b"a\nb.png", b"a\\b.png", b"\xff.png"])
def test_a_name_that_fits_in_no_table_is_refused_before_anything_is_copied(
    source: Path, tmp_path: Path, name: bytes
) -> None:
    first = next(source.glob("*/Standard/0.png"))
    first.rename(first.parent / os.fsdecode(name))
    with pytest.raises(InputError, match="rename that file"):
        import_fetus_framework(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_occupied_output_folder_is_kept(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    scan_folders.save(out / "mine.png", scan_folders.scan(1))
    for force in (False, True):
        with pytest.raises(InputError, match="other things"):
            import_fetus_framework(source, out, force=force)
    assert (out / "mine.png").exists()
    (out / "mine.png").unlink()
    import_fetus_framework(source, out)
    with pytest.raises(InputError, match="--force"):
        import_fetus_framework(source, out)
    (out / "images" / "stale.png").write_bytes(b"")
    import_fetus_framework(source, out, force=True)
    assert not (out / "images" / "stale.png").exists()
    (out / "notes.txt").write_text("mine")
    (out / ".edge-nt-cache").mkdir()
    with pytest.raises(InputError, match=r"other things, notes\.txt for one"):
        import_fetus_framework(source, out, force=True)
    (out / "notes.txt").unlink()
    import_fetus_framework(source, out, force=True)
    assert not (out / ".edge-nt-cache").exists()


def test_force_never_removes_the_source(tmp_path: Path) -> None:
    scan_folders.dataset(tmp_path / "out")
    source = scan_folders.release(tmp_path / "out" / "release")
    with pytest.raises(InputError, match="outside the source"):
        import_fetus_framework(source, tmp_path / "out", force=True)
    assert source.is_dir()


def test_without_openpyxl_the_extra_is_named(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingDependencyError, match=r"pip install edge-nt\[train\]") as caught:
        import_fetus_framework(source, tmp_path / "out")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("scanner", ["philips", ""])
def test_a_philips_frame_says_its_spacing_and_the_thickness_of_its_nt(tmp_path: Path, scanner: str) -> None:
    structures = "NT", "midbrain"
    boxes = [(f"{number}.png", structure, 360, 60, 380, 120) for number in (3, 4, 6) for structure in structures]
    boxes.append(("4.png", "NT", 300, 60, 320, 120))
    source = scan_folders.release(tmp_path / "release", boxes)
    for number in (3, 4, 5):
        path = source / "Set1-Training&Validation Sets CNN" / "Standard" / f"{number}.png"
        scan_folders.save(path, draw_frame(125.0, 40, 5, "0145", seed=number))
    crown_to_rump = draw_frame(125.0, 40, 5, "6120", seed=6)
    scan_folders.save(source / "Set1-Training&Validation Sets CNN" / "Standard" / "6.png", crown_to_rump)
    sites = [f"{number}.png,east,{scanner if number != 5 else 'voluson'}" for number in range(23)]
    (source / "sites.csv").write_text("\n".join(["fname,hospital,scanner", *sites]), encoding="utf-8")
    made = import_fetus_framework(source, tmp_path / "out")
    spacings = {row.file: row.mm_per_px for row in read_dataset(tmp_path / "out").rows if row.mm_per_px is not None}
    assert spacings == pytest.approx(dict.fromkeys(("images/3.png", "images/4.png", "images/6.png"), 0.08), rel=0.005)
    stated = {(file, box.roi.structure): box.thickness_mm for file, each in made.boxes.items() for box in each}
    assert stated["images/3.png", "NT"] == pytest.approx(1.45)
    assert stated["images/3.png", "midbrain"] is None
    assert stated["images/4.png", "NT"] is None, "two boxes: nobody knows which one was measured"
    assert stated["images/6.png", "NT"] is None, "no NT is as thick as what was measured there"


@pytest.mark.real
def test_the_real_release(tmp_path: Path) -> None:
    if "EDGE_NT_REAL_DATA" not in os.environ:
        pytest.skip("EDGE_NT_REAL_DATA names no folder of real scans")
    source = Path(os.environ["EDGE_NT_REAL_DATA"]) / "dataset-for-fetus-framework"
    made = import_fetus_framework(source, tmp_path / "out")
    rows = {row.file: row for row in made.rows}
    assert len(rows) == 968
    assert made.hospitals() == ("longhua", "szph")
    assert rows["images/134.png"].patient == rows["images/458.png"].patient
    assert sum(row.mm_per_px is not None for row in made.rows) == 103
    assert sum(box.thickness_mm is not None for each in made.boxes.values() for box in each) == 104
    problems = check_dataset(tmp_path / "out")
    assert not [problem for problem in problems if problem.severity == "error"]
    assert any(problem.file == "images/458.png" and "images/134.png" in problem.message for problem in problems)
