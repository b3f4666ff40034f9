"""From what the user names to the files of a study: each recognised by what it says it is, checked, and numbered."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_nt.bench.bench_report import BenchReport
from edge_nt.bundle.manifest_json import manifest_from_json
from edge_nt.digests import sha256_file
from edge_nt.errors import InputError
from edge_nt.evaluation.evaluation_result import RESULTS_NAME, Evaluation
from edge_nt.evaluation.ood_result import OodReport
from edge_nt.evaluation.probe_result import Probe
from edge_nt.report.place import Place, Source
from edge_nt.results import read_result, result_kind
from edge_nt.study.study_result import RESULT_NAME as STUDY_NAME
from edge_nt.study.study_result import Study as ControlledStudy
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_log import read_log
from edge_nt.verify.verification import VerifyReport
from edge_nt.workbench.caliper_report import CaliperReport
from edge_nt.workbench.caliper_study_result import CaliperStudy
from edge_nt.workbench.training_speed_result import TrainingSpeed

BUNDLE, RUN, LOG = "bundle", "run", "training log"
EVALUATION, VERIFY, BENCH = "edge-nt evaluation", "edge-nt verify", "edge-nt bench"
TRAINING_SPEED = "edge-nt training-speed"
OOD, PROBE, CONTROL = "edge-nt ood", "edge-nt probe", "edge-nt study"
CALIPER, CALIPER_STUDY = "edge-nt caliper", "edge-nt caliper study"
_RESULTS: dict[str, type[Any]] = {
    EVALUATION: Evaluation,
    VERIFY: VerifyReport,
    BENCH: BenchReport,
    TRAINING_SPEED: TrainingSpeed,
    OOD: OodReport,
    PROBE: Probe,
    CONTROL: ControlledStudy,
    CALIPER: CaliperReport,
    CALIPER_STUDY: CaliperStudy,
}
_KNOWN = (
    "run, evaluation and bundle folders, and result files of evaluate, study, ood, probe, verify, caliper and benches"
)


@dataclass(frozen=True)
class Study:
    """The files that a page is made from, in the order in which they were named."""

    files: tuple[Place, ...]

    def of(self, kind: str) -> tuple[Place, ...]:
        """The files of a kind."""
        return tuple(file for file in self.files if file.source.kind == kind)

    def log_of(self, run: Place) -> Place | None:
        """The log beside a run.json."""
        return next((log for log in self.of(LOG) if log.source.path.parent == run.source.path.parent), None)


def read_study(named: Sequence[Path]) -> Study:
    """Read every file and folder named, each file once.

    Raises: InputError naming the file or folder that holds nothing known, or the file that is not whole.
    """
    files: dict[Path, tuple[str, str]] = {}
    for path in named:
        found = list(_found(path))
        if not found:
            raise _unknown(path, "a folder without any of them")
        for file, kind in found:
            # Names start at what the user named: what lies above it is nobody's business.
            files.setdefault(file, (str(file.relative_to(path.resolve().parent)), kind))
    sources = [
        Source(number, path, name, kind, sha256_file(path))
        for number, (path, (name, kind)) in enumerate(files.items(), start=1)
    ]
    return Study(tuple(Place(source, "", _content(source)) for source in sources))


def _found(path: Path) -> Iterator[tuple[Path, str]]:
    """Files with their kinds, of a file or of a folder and all below it."""
    path = path.resolve()
    if path.is_dir():
        yield from _in_folder(path)
    elif path.name in ("bundle.json", "run.json"):
        yield from _in_folder(path.parent)
    else:
        yield path, _kind(path)


def _in_folder(folder: Path) -> Iterator[tuple[Path, str]]:
    if (folder / "bundle.json").is_file():
        yield folder / "bundle.json", BUNDLE
        return
    if (folder / STUDY_NAME).is_file():
        # Its runs are the study's own parts, one a seed and arm.
        yield folder / STUDY_NAME, _kind(folder / STUDY_NAME)
        return
    if (folder / "dataset.json").is_file():
        return  # Pictures, not results; a study's folder often holds its dataset.
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    if (folder / "run.json").is_file():
        yield folder / "run.json", RUN
        if (folder / "log.jsonl").is_file():
            yield folder / "log.jsonl", LOG
        entries = [beside for name in ("evaluation", "ood", "probe") if (beside := folder / name).is_dir()]
    for entry in entries:
        if entry.is_dir():
            yield from _in_folder(entry)
        elif entry.suffix == ".json" and entry.is_file():
            yield entry, _kind(entry)


def _kind(path: Path) -> str:
    kind = result_kind(path)
    if kind not in _RESULTS:
        raise _unknown(path, repr(kind))
    return kind


def _content(source: Source) -> Any:
    """The file's JSON, once it has been checked against its schema."""
    if source.kind == RUN:
        read_run(source.path.parent)
    elif source.kind == LOG:
        return _events(source.path)
    elif source.kind in _RESULTS:
        read_result(source.path, _RESULTS[source.kind])
    try:
        content = json.loads(source.path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unknown(source.path, str(error)) from error
    if source.kind == BUNDLE:
        manifest_from_json(content)
    return content


def _events(path: Path) -> list[dict[str, Any]]:
    try:
        events = read_log(path)
    except (OSError, ValueError) as error:
        raise _unknown(path, str(error)) from error
    if not all(isinstance(event, dict) and {"event", "stage", "step"} <= set(event) for event in events):
        raise _unknown(path, "a line without event, stage and step")
    numbers = [value for event in events for value in event.values() if isinstance(value, float)]
    if not all(map(math.isfinite, numbers)):
        raise _unknown(path, "a loss that is no finite number, since the training diverged,")
    return events


def _unknown(path: Path, got: str) -> InputError:
    return InputError(
        expected=_KNOWN, got=f"{got} in {path}", fix=f"leave it out, or name a folder that holds {RESULTS_NAME}"
    )
