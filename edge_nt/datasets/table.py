"""CSV tables as people write them: cells by the name of their column, and nothing cut or doubled unsaid."""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath

from edge_nt.errors import InputError


def table_rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with at least `columns`, each with its line number in the file (the header is line 1).

    Raises: InputError when the file is missing, is not UTF-8 text, lacks a column or has it twice, or when a line has
    more cells than the header.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            names = [name.strip() for name in reader.fieldnames or []]
            missing = [name for name in columns if name not in names]
            doubled = [name for name in columns if names.count(name) > 1]
            rows, overlong = [], []
            for raw in reader:
                # What stands beyond the header: a comma inside a number, which would cut it to another number.
                if any(cell.strip() for cell in raw.pop(None, [])):
                    overlong.append(reader.line_num)
                rows.append((reader.line_num, {k.strip(): (v or "").strip() for k, v in raw.items() if k}))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            expected=f"a CSV file {path}", got=f"{error}", fix="write it as UTF-8 text with a header row"
        ) from error
    if missing or doubled:
        raise InputError(
            expected=f"the columns {', '.join(columns)} in {path}, each once",
            got=f"none named {', '.join(missing)}" if missing else f"several named {', '.join(doubled)}",
            fix="correct the header; cells may be empty where the format says so",
        )
    if overlong:
        raise InputError(
            expected=f"as many cells as columns in every line of {path}",
            got=f"more in line {overlong[0]}" + (f" and {len(overlong) - 1} others" if len(overlong) > 1 else ""),
            fix="write decimal points, and put quotes around text that holds commas",
        )
    return rows


def is_path_below(name: str) -> bool:
    """Whether text names a file below a folder, on any system, and fits on a line of a table."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\\" not in name and name.isprintable()
