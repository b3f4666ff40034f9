"""Tables with a caption that says where their figures are from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_nt.report.markup import Html, element


@dataclass(frozen=True)
class Column:
    """A column's head; figures are set flush right, texts flush left."""

    name: str
    is_text: bool = False


def columns(texts: Sequence[str], figures: Sequence[str] = ()) -> tuple[Column, ...]:
    """Columns of texts, and after them columns of figures."""
    return (*(Column(name, is_text=True) for name in texts), *(Column(name) for name in figures))


def table(caption: Html, head: Sequence[Column], rows: Sequence[Sequence[str]]) -> Html:
    """A table whose first column heads its rows."""
    heads = [element("th", {"scope": "col", **_kind(column)}, column.name) for column in head]
    body = [element("tr", {}, *_cells(head, row)) for row in rows]
    content = element("thead", {}, element("tr", {}, *heads)), element("tbody", {}, *body)
    return element("table", {}, element("caption", {}, caption), *content)


def facts(rows: Sequence[tuple[str, Html]]) -> Html:
    """A list of names and what they are."""
    pairs = [part for name, value in rows for part in (element("dt", {}, name), element("dd", {}, value))]
    return element("dl", {}, *pairs)


def _cells(head: Sequence[Column], row: Sequence[str]) -> list[Html]:
    first, *rest = zip(head, row, strict=True)
    cells = [element("td", _kind(column), value) for column, value in rest]
    return [element("th", {"scope": "row", **_kind(first[0])}, first[1]), *cells]


def _kind(column: Column) -> dict[str, str]:
    return {"class": "text"} if column.is_text else {}
