"""Thousands of hostile files in child processes: what became of each, as a list, and as a table for people.

``PYTHONPATH=.:tests python tests/hostile/campaign.py --cases 6000 --results cases.jsonl --table table.md`` repeats the
committed figures.
"""

import json
import re
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hostile_cases import all_cases
from seed_files import write_corpus

ROOT = Path(__file__).parents[2]
# A chunk is what a crash can hide behind it; starting a process costs as much as 50 cases.
_CHUNK = 250
# Nothing here takes a tenth of it on an idle core.
_LIMIT_S = 30.0
_OUTCOMES = ("decoded", "partly", "refused", "broken", "crashed", "hung")


@dataclass(frozen=True)
class CaseResult:
    """What became of one case: ``decoded``, ``refused``, ``partly``, ``broken``, ``crashed`` or ``hung``."""

    case: str
    outcome: str
    ms: float
    more_mb: float
    stderr_bytes: int
    file_bytes: int
    problem: str


def run_cases(names: Sequence[str], corpus: Path, work: Path, limit_s: float) -> Iterator[CaseResult]:
    """Run every case, `_CHUNK` a process; after a crash or a hang the next process goes on behind it."""
    left = list(names)
    while left:
        chunk = left[:_CHUNK]
        results = _run_chunk(chunk, corpus, work, limit_s)
        yield from results
        left = left[len(results) :]


def _run_chunk(chunk: list[str], corpus: Path, work: Path, limit_s: float) -> list[CaseResult]:
    folder = work / f"chunk-{time.time_ns()}"
    folder.mkdir(parents=True)
    (folder / "cases").write_text("\n".join(chunk))
    (folder / "report").touch()
    command = [sys.executable, str(Path(__file__).with_name("case_runner.py")), str(corpus), str(folder), str(limit_s)]
    paths = ":".join(map(str, (ROOT, ROOT / "tests")))
    environment = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "EDGE_NT_CACHE": str(work / "cache"), "PATH": ""}
    with (folder / "stderr").open("wb") as stderr:
        code = subprocess.run(command, check=False, stderr=stderr, stdout=stderr, env=environment).returncode
    results = [CaseResult(**json.loads(line)) for line in (folder / "report").read_text().splitlines()]
    if len(results) == len(chunk):
        return results
    trace = (folder / "trace").read_text() if (folder / "trace").exists() else ""
    said = (folder / "stderr").read_text(errors="replace")[-3000:]
    current = chunk[len(results)]
    assert (folder / "current").exists(), f"no case began (exit code {code}): {said}"
    outcome = "hung" if trace.startswith("Timeout") else "crashed"
    return [*results, CaseResult(current, outcome, limit_s * 1e3, 0.0, 0, 0, f"exit code {code}\n{trace}\n{said}")]


def table(results: Iterable[CaseResult]) -> str:
    """The results by kind and mutation as a Markdown table."""
    groups: dict[tuple[str, str], list[CaseResult]] = {}
    for result in results:
        kind, _, mutation, _ = result.case.split("/")
        groups.setdefault((kind, mutation), []).append(result)
    rows = [_row(f"{kind} | {mutation}", group) for (kind, mutation), group in sorted(groups.items())]
    everything = [result for group in groups.values() for result in group]
    columns = ("kind", "mutation", "cases", *_OUTCOMES, "slowest, ms", "most memory, MB")
    head = f"| {' | '.join(columns)} |"
    return "\n".join([head, "|" + " --- |" * 11, *rows, _row("**all** | ", everything)])


def _row(name: str, group: list[CaseResult]) -> str:
    counts = [sum(result.outcome == outcome for result in group) for outcome in _OUTCOMES]
    slowest, most = max(result.ms for result in group), max(result.more_mb for result in group)
    return f"| {name} | {len(group)} | {' | '.join(map(str, counts))} | {slowest:.0f} | {most:.0f} |"


def main() -> None:
    """Run the bombs and as many mutated files as asked for; write a table, and a list of what went wrong."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=6000)
    parser.add_argument("--only", default="", help="only cases whose names this regular expression finds")
    parser.add_argument("--part", default="1/1", help="only this part of the cases, such as 2/4: parts may take turns")
    parser.add_argument("--results", type=Path, required=True, help="lines of JSON, to which this part's are added")
    parser.add_argument("--table", type=Path, help="Markdown table of everything in --results")
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        write_corpus(corpus)
        names = [case.name for case in all_cases(corpus, chosen.cases) if re.search(chosen.only, case.name)]
        number, parts = map(int, chosen.part.split("/"))
        with chosen.results.open("a") as lines:
            for result in run_cases(names[number - 1 :: parts], corpus, Path(folder, "work"), _LIMIT_S):
                lines.write(json.dumps(asdict(result)) + "\n")
                lines.flush()
    if chosen.table is not None:
        results = [CaseResult(**json.loads(line)) for line in chosen.results.read_text().splitlines()]
        chosen.table.write_text(table(results) + "\n")


if __name__ == "__main__":
    main()
