"""What must not travel in a shipped file: the dataset's file names, and paths and names of a machine."""

from __future__ import annotations

import getpass
import platform
import re
from contextlib import suppress
from pathlib import Path

from edge_nt.datasets.dataset import Dataset
from edge_nt.errors import LeakageError

# An absolute path below what Unix or Windows has at the top; ONNX keeps stack traces with them if nobody takes care.
_MACHINE_PATH = re.compile(
    rb"/(?:home|root|Users|tmp|var|mnt|media|data|work|opt|srv|usr)/[\w.@+-]+|[A-Z]:\\\\?Users\\"
)
_ADDRESS = re.compile(rb"https?://[^\s\"<>|]+")
# Shorter names occur in weights by chance, or are words of every file.
_SHORTEST = 6


def refuse_private_words(folder: Path, dataset: Dataset | None = None) -> None:
    """Refuse a folder of which any file names what is nobody else's business, in its text or between its weights.

    With `dataset` the file of every row and the patient's name are looked for, where they are long enough to mean
    something. Raises: LeakageError naming the file and what stands in it.
    """
    words = _names_of_machine() | (_names_of(dataset) if dataset else set())
    names = re.compile(b"|".join(map(re.escape, sorted(words)))) if words else None
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if path.suffix in (".json", ".md"):
            content = _ADDRESS.sub(b"", content)  # The path of a page is none of this machine.
        found = _MACHINE_PATH.search(content) or (names.search(content) if names else None)
        if found:
            raise LeakageError(
                expected="shipped files without file names of the dataset, machine paths or user names",
                got=f"{found.group().decode(errors='replace')!r} in {path.name} of {path.parent.name}",
                fix="export the bundle again with this edge-nt version, from folders whose names may be known",
            )


def _names_of_machine() -> set[bytes]:
    names = [platform.node(), str(Path.home())]
    with suppress(OSError, KeyError, ImportError):  # A container's user may have no name.
        names.append(getpass.getuser())
    return {name.encode() for name in names if len(name) >= _SHORTEST}


def _names_of(dataset: Dataset) -> set[bytes]:
    names = {name for row in dataset.rows for name in (row.file, row.patient)}
    return {name.encode() for name in names if len(name) >= _SHORTEST}
