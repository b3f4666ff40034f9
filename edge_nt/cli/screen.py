"""What every command prints on: a console, tables that cut nothing off, and a bar for long work."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

# Wide enough for every table of ours. Files and pipes have no width; rich takes 80 columns for them.
_WIDTH_OF_FILES = 200
# Words up to this stay in one piece; paths and hashes may be longer than any terminal.
_LONGEST_WHOLE_WORD = 16
# Between columns: the padding on the right of one, and where a line would stand.
_GAP = 2
_FIGURE_BEGINS = re.compile(r"[-+−<>≥≤]?\d|[–-]?$")
_LONGEST_UNIT = 6


def screen(*, stderr: bool = False) -> Console:
    """The terminal, at its own width, or the file or pipe that output goes to, wide unless COLUMNS says otherwise."""
    from rich.console import Console

    console = Console(stderr=stderr)
    if not console.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        console.width = _WIDTH_OF_FILES
    return console


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on the terminal, called with how many of `what` are done and of how many; it leaves nothing behind."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = screen(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str | Text] | None]) -> Table:
    """Rows under a title, None for a gap; words stand left and wrap where there is no room, figures right and whole.

    A str is printed as it is, whatever brackets it has: names and reasons come from files and engines. What is to be
    coloured is passed as Text.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    cells = [None if row is None else [cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    drawn = Table(
        title=Text(title), title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
    drawn.columns.extend(_column(name, [row[at].plain for row in cells if row]) for at, name in enumerate(headings))
    for row in cells:
        if row is None:
            drawn.add_section()
        else:
            drawn.add_row(*row)
    return drawn


def print_tables(console: Console, *tables: Table) -> None:
    """Print tables: figures get what they take, words share the rest; where that is too little, nothing is cut off."""
    for each in tables:
        free = console.width - _GAP * (len(each.columns) - 1) - 1
        widths = _shared(free, [(column.min_width or 1, column.max_width or 1) for column in each.columns])
        for column, width in zip(each.columns, widths, strict=True):
            column.width = column.min_width = column.max_width = width
        # Rich would squeeze every column, figures too, where the table is wider than the terminal.
        each.width = sum(widths) + _GAP * (len(widths) - 1) + 1
        console.print(each, "", crop=False)


def styled(words: str, style: str) -> Text:
    """A cell in a style of rich, such as ``bold``."""
    from rich.text import Text

    return Text(words, style=style)


def with_note(words: str, note: str) -> Text:
    """A cell with something of less weight below it, such as an interval's bounds."""
    from rich.text import Text

    return Text.assemble(words, ("\n" + note, "dim"))


def _shared(free: int, limits: Sequence[tuple[int, int]]) -> list[int]:
    """Widths between least and most, whose sum is at most `free` where that is enough for the least ones."""
    widths = [least for least, _ in limits]
    for _ in range(free - sum(widths)):
        wanting = [most - width for width, (_, most) in zip(widths, limits, strict=True)]
        if max(wanting) == 0:
            break
        widths[wanting.index(max(wanting))] += 1
    return widths


def _column(heading: str, cells: Sequence[str]) -> Column:
    from rich.cells import cell_len
    from rich.table import Column
    from rich.text import Text

    def widest(pieces: Iterable[str]) -> int:
        return max(map(cell_len, pieces), default=1)

    of_heading, most = widest(heading.split()), widest(line for cell in cells for line in cell.splitlines())
    if any(cells) and all(map(_is_figure, cells)):
        least = max(of_heading, most)
        return Column(Text(heading), justify="right", min_width=least, max_width=max(least, cell_len(heading)))
    least = max(of_heading, widest(" ".join(cells).split()))
    most = max(most, cell_len(heading))
    return Column(Text(heading), overflow="fold", min_width=min(least, _LONGEST_WHOLE_WORD), max_width=most)


def _is_figure(cell: str) -> bool:
    """Whether a cell is a figure, with a unit at most: a file or a sentence may begin with a digit as well."""
    first = cell.split("\n", 1)[0]
    words = [word for word in first.split() if any(map(str.isalpha, word))]
    return bool(_FIGURE_BEGINS.match(first)) and len(words) <= 1 and all(len(word) <= _LONGEST_UNIT for word in words)
