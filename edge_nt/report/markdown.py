"""Figures and tables in Markdown that keep their origin, and text that does nothing but stand there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edge_nt.report.place import Place, number

_UNSAFE = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>|"} | {"\n": " "})


def number_interval(place: Place, form: str, factor: float = 1.0) -> str:
    """An estimate with its bounds in brackets, times `factor`."""
    low, high = (number(place.at(end), form, factor) for end in ("low", "high"))
    return f"{number(place.at('estimate'), form, factor)} [{low}, {high}]"


def cited(place: Place) -> str:
    """The file's number and the place in it, such as ``[1] `groups[0].metrics[3]` ``."""
    return f"[{place.source.number}] `{place.path}`"


def plain(text: str) -> str:
    """Text of a file as Markdown that shows it and does nothing else."""
    return text.translate(_UNSAFE)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
