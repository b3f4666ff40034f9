"""What commands print on: nothing of a table is cut off, in a pipe or in a narrow terminal, and no name is markup."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from edge_nt.cli.screen import counting, print_tables, screen, styled, table, with_note

HEADINGS = ("variant", *(f"figure {place}" for place in range(9)), "reason")
ROW = (
    "int8 · openvino",
    *(f"{place}.12345" for place in range(9)),
    "a verdict takes twenty frames and eighteen can be read",
)


def printed(width: int, *rows: tuple[str, ...]) -> str:
    out = io.StringIO()
    print_tables(Console(file=out, width=width), table("A title", HEADINGS, rows))
    return out.getvalue()


def test_a_pipe_gets_whole_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_tables(screen(), table("A title", HEADINGS, [ROW]))
    line = next(line for line in capsys.readouterr().out.splitlines() if "openvino" in line)
    assert all(cell in line for cell in ROW)


def test_columns_of_the_user_stand(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    print_tables(screen(), table("A title", ("what",), [("word " * 60,)]))
    assert max(map(len, capsys.readouterr().out.splitlines())) == 90


def lines_of(shown: str) -> list[str]:
    return [line.rstrip() for line in shown.splitlines()]


@pytest.mark.parametrize("width", [40, 80, 120, 132, 200])
def test_where_there_is_no_room_words_wrap_and_figures_stay_whole(width: int) -> None:
    shown = printed(width, ROW)
    assert "…" not in shown
    assert all(f"{place}.12345" in shown for place in range(9))
    assert all(word in shown for word in (*" ".join(HEADINGS).split(), *ROW[-1].split()))
    # Nine figures of 7, a word of 8 at both ends, ten gaps of 2, and the rule below the headings ends one later.
    least = 9 * 7 + 8 + 8 + 10 * 2 + 1
    assert max(map(len, lines_of(shown))) <= max(width, least)


def test_a_word_longer_than_any_terminal_is_folded_and_whole() -> None:
    path = "/srv/results/" + "0123456789abcdef" * 8
    shown = printed(120, (path, *ROW[1:]))
    assert path in "".join(line.split("  ")[0] for line in lines_of(shown))
    assert max(map(len, lines_of(shown))) <= 120


def test_wide_characters_take_two_cells() -> None:
    out = io.StringIO()
    rows = [("深圳市妇幼保健院超声科" * 3, "0.1234")]
    print_tables(Console(file=out, width=40), table("", ("hospital", "error"), rows))
    assert all(cell_len(line) <= 40 for line in lines_of(out.getvalue()))
    assert "0.1234" in out.getvalue()


@pytest.mark.parametrize(
    "cells",
    [("150x120 px is smaller than 64 px", "1 of 3"), ("301 hospital",), ("1.2.840.113619.png",), ("noise (3%)",)],
)
def test_words_that_begin_with_a_digit_stand_left(cells: tuple[str, ...]) -> None:
    assert table("", ("problem",), [(cell,) for cell in cells]).columns[0].justify == "left"


def test_a_table_without_rows_has_its_headings() -> None:
    out = io.StringIO()
    print_tables(Console(file=out, width=40), table("empty", ("one", "two words"), []))
    assert "two words" in out.getvalue()


def test_brackets_of_names_are_printed_and_styles_are_not() -> None:
    out = io.StringIO()
    rows = [("[red]north[/red]", styled("FAIL", "red"), with_note("0.5", "[0.4, 0.6]"))]
    print_tables(Console(file=out, width=80), table("[bold]x", ("[site]", "verdict", "estimate"), rows))
    for words in ("[red]north[/red]", "[bold]x", "[site]", "FAIL", "[0.4, 0.6]"):
        assert words in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_columns_of_figures_stand_right_whatever_signs_and_gaps_they_have() -> None:
    drawn = table("", ("name", "change", "n", "why"), [("a", "+0.1", "3", "4 of 5"), ("b", "", "12", "none")])
    assert [column.justify for column in drawn.columns] == ["left", "right", "right", "left"]


def test_a_bar_is_for_terminals_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("frames") as on_frame:
        on_frame(1, 2)
        on_frame(2, 2)
    assert capsys.readouterr() == ("", "")


def test_a_bar_says_how_many_of_how_many(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with counting("frames") as on_frame:
        on_frame(2, 3)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "2/3" in captured.err
