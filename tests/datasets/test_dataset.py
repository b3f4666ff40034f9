"""The dataset folder: written and read back, and rows that are refused."""

import string
from pathlib import Path

import pytest
import scan_folders
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.datasets.check import check_dataset
from edge_nt.datasets.dataset import (
    BOX_COLUMNS,
    MANIFEST_COLUMNS,
    Box,
    Dataset,
    Row,
    parse_box,
    parse_row,
    read_dataset,
    write_dataset,
)
from edge_nt.errors import InputError
from edge_nt.imaging.roi import Roi

CELL = st.text(max_size=30)
NAME = st.text(string.ascii_letters + string.digits + ",\"'éß-_. ", min_size=1, max_size=12).map(
    lambda text: text.strip(" ") or "x"
)
EDGE = st.floats(-1e4, 1e4, allow_nan=False)


@given(st.fixed_dictionaries(dict.fromkeys(MANIFEST_COLUMNS, CELL)))
def test_any_manifest_line_is_a_row_or_a_value_error(raw: dict[str, str]) -> None:
    try:
        row = parse_row(raw)
    except ValueError:
        return
    assert row.file
    assert row.hospital
    assert row.patient
    assert row.split in ("train", "val")
    assert (Path("/root") / row.file).is_relative_to("/root")


@given(st.fixed_dictionaries(dict.fromkeys(BOX_COLUMNS, CELL)), st.lists(EDGE, min_size=4, max_size=4))
def test_any_box_line_is_a_box_or_a_value_error(raw: dict[str, str], edges: list[float]) -> None:
    for cells in (raw, raw | dict(zip(BOX_COLUMNS[2:6], map(repr, edges), strict=True))):
        try:
            box = parse_box(cells)
        except ValueError:
            continue
        assert box.roi.h_min < box.roi.h_max
        assert box.roi.w_min < box.roi.w_max
        assert box.thickness_mm is None or box.thickness_mm > 0


@given(
    names=st.lists(NAME.filter(lambda name: name not in (".", "..")), min_size=1, max_size=5, unique=True),
    hospital=NAME,
    spacing=st.none() | st.floats(0.01, 5),
    corner=st.tuples(EDGE, EDGE),
    extent=st.tuples(st.floats(0.5, 500), st.floats(0.5, 500)),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    hospital: str,
    spacing: float | None,
    corner: tuple[float, float],
    extent: tuple[float, float],
) -> None:
    root = tmp_path_factory.mktemp("dataset")
    rows = tuple(Row(name, hospital, "", name, "train", spacing) for name in names)
    roi = Roi("NT", *corner, corner[0] + extent[0], corner[1] + extent[1])
    made = Dataset(root, "n", "l", "s", synthetic=True, rows=rows, boxes={names[0]: (Box(names[0], roi, spacing),)})
    write_dataset(made)
    read = read_dataset(root)
    assert [(row.file, row.hospital, row.patient, row.split) for row in read.rows] == [
        (row.file, row.hospital, row.patient, row.split) for row in rows
    ]
    assert read.rows[0].mm_per_px == (None if spacing is None else pytest.approx(spacing, rel=1e-9))
    found = read.roi(read.rows[0], "NT")
    assert found is not None
    assert (found.h_min, found.w_max) == (pytest.approx(roi.h_min, abs=1e-5), pytest.approx(roi.w_max, abs=1e-5))
    assert read.roi(read.rows[0], "palate") is None


def test_lookups(tmp_path: Path) -> None:
    made = scan_folders.dataset(tmp_path)
    assert made.hospitals() == ("east", "west")
    assert made.path(made.rows[0]) == tmp_path / "images" / "0.png"
    assert read_dataset(tmp_path) == made


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("manifest.csv", "east,scanner,patient-1", ",scanner,patient-1", "no hospital in .* line 3"),
        ("manifest.csv", "images/1.png", "../1.png", "below the dataset folder.* line 3"),
        ("manifest.csv", "images/1.png", "/etc/passwd", "below the dataset folder.* line 3"),
        ("manifest.csv", "patient-2,val", "patient-2,test", "split is 'test'.* line 4"),
        ("manifest.csv", "patient-1,train,", "patient-1,train,100", "mm_per_px is '100'.* line 3"),
        ("manifest.csv", "split", "fold", "none named split"),
        ("boxes.csv", "NT,50", "NT,99", "box is .* line 2"),
        ("boxes.csv", "NT,50", "NT,fifty", "not all numbers.* line 2"),
        ("dataset.json", '"licence"', '"license"', "dataset.json"),
        ("dataset.json", "{", "[" * 50_000, "dataset.json"),
    ],
)
def test_the_first_bad_row_is_named(tmp_path: Path, file: str, old: str, new: str, reason: str) -> None:
    scan_folders.dataset(tmp_path)
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=reason):
        read_dataset(tmp_path)


def test_a_folder_without_tables_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data import"):
        read_dataset(tmp_path)
    scan_folders.dataset(tmp_path)
    (tmp_path / "boxes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"boxes\.csv"):
        read_dataset(tmp_path)


def test_a_file_in_two_rows_is_refused_since_it_could_stand_on_two_sides(tmp_path: Path) -> None:
    root = scan_folders.dataset(tmp_path).root
    table = root / "manifest.csv"
    line = next(line for line in table.read_text().splitlines() if ",train," in line)
    table.write_text(f"{table.read_text().rstrip()}\n{line.replace(',train,', ',val,')}\n")
    with pytest.raises(InputError, match="in several rows"):
        read_dataset(root)


@pytest.mark.parametrize("table", ["manifest.csv", "boxes.csv"])
def test_a_decimal_comma_is_refused_and_not_cut(tmp_path: Path, table: str) -> None:
    # The last cell of a row: nothing is shifted, and half of the number would be taken for it.
    path = scan_folders.dataset(tmp_path).root / table
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], f"{lines[1].rsplit(',', 1)[0]},1,8", *lines[2:]]))
    with pytest.raises(InputError, match=r"more in line 2.*decimal points"):
        read_dataset(tmp_path)
    problems = [problem.message for problem in check_dataset(tmp_path) if problem.severity == "error"]
    assert any("more in line 2" in message for message in problems)


def test_cells_beyond_the_header_may_be_empty(tmp_path: Path) -> None:
    dataset = scan_folders.dataset(tmp_path)
    table = tmp_path / "manifest.csv"
    table.write_text("\n".join(f"{line},," for line in table.read_text().splitlines()))
    assert read_dataset(tmp_path).rows == dataset.rows


def test_a_column_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    scan_folders.dataset(tmp_path)
    table = tmp_path / "boxes.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([f"{header},h_min", *(f"{row},1" for row in rows)]))
    with pytest.raises(InputError, match="several named h_min"):
        read_dataset(tmp_path)


def test_a_byte_order_mark_changes_nothing(tmp_path: Path) -> None:
    dataset = scan_folders.dataset(tmp_path)
    for name in ("dataset.json", "manifest.csv", "boxes.csv"):
        path = tmp_path / name
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_dataset(tmp_path).rows == dataset.rows
