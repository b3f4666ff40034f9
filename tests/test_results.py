"""Result files keep their schema's promise, both when written and when read."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.errors import InputError
from edge_nt.results import read_result, result_kind, schema_of, write_result


@dataclass(frozen=True)
class Part:
    name: str
    times_ms: tuple[float, ...]


@dataclass(frozen=True)
class Report:
    parts: tuple[Part, ...]
    energy_j: float | None
    by_name: dict[str, Part]
    kind: Literal["edge-nt test"] = "edge-nt test"
    schema_version: Literal[3] = 3


WHOLE = Report((Part("a", (1.0, 2.5)),), None, {"b": Part("b", ())})


def changed(path: Path, **fields: object) -> Path:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_result(tmp_path / "report.json", WHOLE)
    return tmp_path / "report.json"


def test_what_is_written_is_read_back(file: Path) -> None:
    assert read_result(file, Report) == WHOLE
    assert result_kind(file) == "edge-nt test"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"kind": "edge-nt bench"}, "edge-nt bench"),
        ({"schema_version": 2}, "schema_version"),
        ({"parts": [{"name": 3, "times_ms": []}]}, r"parts\[0\]\.name"),
        ({"parts": [{"name": "a"}]}, "times_ms"),
        ({"parts": [{"name": "a", "times_ms": [], "more": 1}]}, r"\$\.parts\[0\]\.more"),
        ({"surprise": 1}, "surprise"),
        ({"by_name": {"b": {"name": "b", "times_ms": [], "x": 0}}}, r"by_name\.b\.x"),
    ],
)
def test_a_field_that_breaks_the_schema_is_named(file: Path, fields: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        read_result(changed(file, **fields), Report)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "[" * 100_000, '{"kind": 3}', "\x00"])
def test_what_is_no_result_file_is_refused_by_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(content)
    for read in (result_kind, lambda path: read_result(path, Report)):
        with pytest.raises(InputError, match=r"bad\.json"):
            read(file)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_what_is_no_finite_number_is_refused_when_read(file: Path, number: str) -> None:
    file.write_text(file.read_text().replace("2.5", number))
    with pytest.raises(InputError, match="no finite number"):
        read_result(file, Report)


def test_a_file_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(InputError, match=r"report\.json"):
        write_result(tmp_path / "taken" / "report.json", WHOLE)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.json"):
        result_kind(tmp_path / "gone.json")


@pytest.mark.parametrize(
    "wrong", [Report((), "much", {}), Report((), float("nan"), {}), Report((Part(1, ()),), 1.0, {})]
)
def test_a_report_that_breaks_its_own_types_is_not_written(tmp_path: Path, wrong: Report) -> None:
    with pytest.raises(InputError, match="nothing was written"):
        write_result(tmp_path / "report.json", wrong)
    assert list(tmp_path.iterdir()) == []


def test_the_schema_names_every_field() -> None:
    schema = schema_of(Report)
    assert set(schema["$defs"]["Report"]["properties"]) == {"parts", "energy_j", "by_name", "kind", "schema_version"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    )
)
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    file = tmp_path_factory.mktemp("any") / "any.json"
    file.write_text(json.dumps(content))
    with pytest.raises(InputError):
        read_result(file, Report)
