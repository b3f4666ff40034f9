"""The run's log: one JSON object a line, and after a resume the same lines as in an unbroken run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_nt.atomic import write_text


class RunLog:
    """Appends events to `log.jsonl`; every event has ``event``, ``stage`` and ``step``.

    Of several processes that train together, one `writes`.
    """

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self._path = path
        self._writes = writes

    def rewind(self, stage: int, step: int) -> None:
        """Drop what lies after `step` of `stage`: a resumed run writes those lines again."""
        if self._writes and self._path.is_file():
            kept = [line for line in read_log(self._path) if (line["stage"], line["step"]) <= (stage, step)]
            write_text(self._path, "".join(json.dumps(line) + "\n" for line in kept))

    def write(self, event: Mapping[str, Any]) -> None:
        """Append one event and put it on the disk."""
        if not self._writes:
            return
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(event) + "\n")
            stream.flush()
            os.fsync(stream.fileno())


def read_log(path: Path) -> list[dict[str, Any]]:
    """The events of a log; a last line cut off by a power cut is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1] if line]
