"""When and how long a run trained, and waited for data: timing.json, apart from the facts that equal runs share."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_nt.atomic import write_json
from edge_nt.results import now_utc

TIMING_FILE = "timing.json"


@dataclass
class Waiting:
    """How long the steps of a stage waited for their batch, of how long they took altogether.

    `ended_utc` is when the last of them so far was done, empty where it was not noted.
    """

    waited_s: float = 0.0
    total_s: float = 0.0
    ended_utc: str = ""
    _began: float = 0.0

    def asked(self) -> None:
        """A step asks for its batch."""
        self._began = time.perf_counter()

    def got(self) -> None:
        """The batch is there."""
        self.waited_s += time.perf_counter() - self._began

    def stepped(self) -> None:
        """The step is done."""
        self.total_s += time.perf_counter() - self._began

    @property
    def share(self) -> float:
        """The share of the time that steps waited, in [0, 1]."""
        return self.waited_s / self.total_s if self.total_s else 0.0


def note_waiting(run: Path, stage: str, waiting: Waiting) -> None:
    """Put a stage's times into timing.json of the run."""
    seconds = {"waited_for_data_s": waiting.waited_s, "steps_s": waiting.total_s, "share": waiting.share}
    times = {**seconds, "ended_utc": now_utc()}
    write_json(run / TIMING_FILE, {**_noted(run), stage: times})


def read_waiting(run: Path, stage: str) -> Waiting | None:
    """A stage's times over all processes that trained it and were not killed; None where none are noted."""
    times = _noted(run).get(stage)
    return None if times is None else Waiting(times["waited_for_data_s"], times["steps_s"], times.get("ended_utc", ""))


def _noted(run: Path) -> dict[str, dict[str, Any]]:
    path = run / TIMING_FILE
    noted: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return noted
