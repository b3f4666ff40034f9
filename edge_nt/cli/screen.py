"""What every command prints on: a console, and tables that cut nothing off."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

# Wide enough for every table of ours. Files and pipes have no width; rich takes 80 columns for them.
_WIDTH_OF_FILES = 200
# Words up to this stay in one piece as well; paths and hashes may be longer than any terminal.
_LONGEST_WHOLE_WORD = 16
_FIGURES_BEGIN_WITH = "0123456789+-−–<>≥≤"


def screen(*, stderr: bool = False) -> Console:
    """The terminal, at its own width, or the file or pipe that output goes to, wide unless COLUMNS says otherwise."""
    from rich.console import Console

    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
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
    """Rows under a title, None for a line across; words stand left and wrap where there is no room, figures right.

    A str is printed as it is, whatever brackets it has: names and reasons come from files and engines. What is to be
    coloured is passed as Text.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    cells = [None if row is None else [cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    drawn = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for place, heading in enumerate(headings):
        column = [row[place].plain for row in cells if row]
        is_figure = any(column) and all(cell[:1] in _FIGURES_BEGIN_WITH for cell in column)
        pieces = [line for cell in column for line in cell.splitlines()] if is_figure else " ".join(column).split()
        longest = max(map(len, (*pieces, *heading.split())), default=1)
        drawn.add_column(
            Text(heading),
            justify="right" if is_figure else "left",
            overflow="fold",
            min_width=longest if is_figure else min(longest, _LONGEST_WHOLE_WORD),
        )
    for row in cells:
        if row is None:
            drawn.add_section()
        else:
            drawn.add_row(*row)
    return drawn


def print_tables(console: Console, *tables: Table) -> None:
    """Print tables, none narrower than its figures and words take: rich would cut their last columns off."""
    for each in tables:
        least = each.__rich_measure__(console, console.options.update_width(_WIDTH_OF_FILES)).minimum
        each.width = least if least > console.width else None
        console.print(each, crop=False)


def styled(words: str, style: str) -> Text:
    """A cell in a style of rich, such as ``bold``."""
    from rich.text import Text

    return Text(words, style=style)


def with_note(words: str, note: str) -> Text:
    """A cell with something of less weight below it, such as an interval's bounds."""
    from rich.text import Text

    return Text.assemble(words, ("\n" + note, "dim"))
