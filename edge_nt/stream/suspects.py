"""How often the process ended while it worked on a frame, as JSON: read after a restart, and by a person."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_nt.errors import InputError
from edge_nt.results import read_result, write_result
from edge_nt.sources.file_ledger import DIGEST_BYTES
from edge_nt.stream.under_way import Stage, Work

_log = logging.getLogger(__name__)
# One death leaves a handful; the oldest go, which then have to end the process anew.
_MOST = 1000


@dataclass(frozen=True)
class Suspect:
    """A frame that was under way at `deaths` ends of the process and has not come back since. `file_id` is the digest
    of the file's path, size and time of writing, as in lines that name no file; `stage` says whether the frame was
    being read from its file, or computed.
    """

    file_id: str
    frame: int
    stage: Stage
    deaths: int


@dataclass(frozen=True)
class SuspectRecord:
    """Every suspect of an output folder, the newest last."""

    suspects: tuple[Suspect, ...]
    kind: Literal["edge-nt suspects"] = "edge-nt suspects"
    schema_version: Literal[1] = 1


def read_suspects(path: Path) -> dict[Work, int]:
    """How often the process ended at each; none, with a warning, where the file is no such record."""
    if not path.exists():
        return {}
    try:
        found = read_result(path, SuspectRecord).suspects
        deaths = {Work(bytes.fromhex(each.file_id), each.frame, each.stage): each.deaths for each in found}
        if any(len(work.file) != DIGEST_BYTES or work.frame < 0 or times < 1 for work, times in deaths.items()):
            raise ValueError(f"figures that nobody wrote in {path}")
    except (InputError, ValueError) as error:
        _log.warning("what ended the process before is forgotten, and counted anew: %s", error)
        return {}
    return deaths


def write_suspects(path: Path, deaths: Mapping[Work, int]) -> None:
    """Keep what `read_suspects` gives. A disk that is full costs the counts of this process, which a warning says."""
    newest = list(deaths.items())[-_MOST:]
    record = SuspectRecord(tuple(Suspect(work.file.hex(), work.frame, work.stage, n) for work, n in newest))
    try:
        write_result(path, record)
    except InputError as error:
        _log.warning("what ended the process before cannot be kept for the next start: %s", error)
