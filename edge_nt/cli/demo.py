"""`edge-nt demo`: the whole job on phantoms, by the very commands that a user would type."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_nt.cli.screen import print_tables, screen, table
from edge_nt.errors import EdgeNtError, InputError
from edge_nt.recipes import default_path

if TYPE_CHECKING:
    from rich.table import Table

# Each bundle of the demo with its words for `edge-nt export`; the first is the reference of the others.
BUNDLES = {
    "fp32": ("--precision", "fp32"),
    "fp16": ("--precision", "fp16"),
    "int8": ("--precision", "int8"),
    "int8-cpu": ("--precision", "int8", "--target", "cpu"),
}
REFERENCE = "fp32"
HELD_OUT = "phantom-c"
# Enough for the fetus to show and the OOD score to work, on two cores in a few minutes; no more is claimed.
_TRAINING = ("--stage1-steps", "320", "--stage2-steps", "120", "--batch-size", "12", "--seed", "0")
_DATA = ("--hospitals", "3", "--per-hospital", "60", "--seed", "0")


@dataclass(frozen=True)
class DemoPaths:
    """Where the demo keeps what it makes, all under one folder."""

    root: Path

    @property
    def data(self) -> Path:
        """Phantom dataset folder."""
        return self.root / "phantoms"

    @property
    def run(self) -> Path:
        """Run folder."""
        return self.root / "run"

    @property
    def scans(self) -> Path:
        """Folder for what `edge-nt run` writes."""
        return self.root / "scans"

    @property
    def latency(self) -> Path:
        """JSON of `edge-nt bench`."""
        return self.root / "bench.json"

    @property
    def report(self) -> Path:
        """Page that `edge-nt report` writes."""
        return self.root / "report.html"

    def bundle(self, name: str) -> Path:
        """Folder of one of BUNDLES."""
        return self.root / f"bundle-{name}"

    def verdict(self, name: str) -> Path:
        """JSON of `edge-nt verify` for one of BUNDLES."""
        return self.root / f"verify-{name}.json"


def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything; what is finished there is kept.")] = Path("demo"),
) -> None:
    """Run the whole job on seeded SYNTHETIC phantoms: data, both stages, export, verify, bench, run, report."""
    paths, console, began = DemoPaths(out), screen(), time.monotonic()
    console.print("edge-nt demo on SYNTHETIC phantoms: its figures say nothing about patients.")
    if not (paths.data / "dataset.json").is_file():
        _edge_nt("data", "phantom", "--out", paths.data, *_DATA)
    if not (paths.run / "stage2.json").is_file():
        if (paths.run / "run.json").is_file():
            _edge_nt("train", "--resume", paths.run)
        else:
            _edge_nt("train", "--data", paths.data, "--held-out", HELD_OUT, "--out", paths.run, *_TRAINING)
    else:
        console.print(f"{paths.run} is trained already; remove it to train again.", soft_wrap=True)
    _edge_nt("evaluate", paths.run)
    for name, words in BUNDLES.items():
        # Those of an earlier demo have verdicts, and are judged again below.
        again = ("--force",) if paths.bundle(name).exists() else ()
        _edge_nt("export", paths.run, *words, "--out", paths.bundle(name), *again)
    failed = [name for name in BUNDLES if name != REFERENCE and not _verify(paths, name)]
    _edge_nt("bench", *map(paths.bundle, BUNDLES), "--out", paths.latency)
    # The cheapest that passed: `run` refuses the others, and the reference needs no verdict.
    admitted = [name for name in BUNDLES if name not in failed and name != "int8"]
    _edge_nt("run", paths.bundle(admitted[-1]), paths.data / "images", "--out", paths.scans)
    results = (*map(paths.bundle, BUNDLES), *(paths.verdict(name) for name in BUNDLES if name != REFERENCE))
    _edge_nt("report", paths.run, *results, paths.latency, "--out", paths.report)
    print_tables(console, _summary(paths))
    if failed:
        console.print(f"Not every gate passed at {', '.join(failed)}: the tables of verify above say by how much.")
    made = (paths.run / "evaluation", *map(paths.bundle, BUNDLES), paths.scans, paths.report)
    console.print("Made:\n" + "\n".join(f"  {path}" for path in made), highlight=False, soft_wrap=True)
    console.print(f"Whole job: {time.monotonic() - began:.0f} s")


def _verify(paths: DemoPaths, name: str) -> bool:
    """Whether the gates passed; a failed gate is a result to show, not an end of the demo."""
    bundle, out = paths.bundle(name), paths.verdict(name)
    reference = ("--reference", paths.bundle(REFERENCE), "--data", paths.data)
    gates = ("--gates", default_path("benchmarks/demo_gates.toml"))
    # On the backend that `bench` times, so that the report can draw time and loss together.
    backend = ("--backend", "onnxruntime")
    return _edge_nt("verify", bundle, *reference, *gates, *backend, "--out", out, accept=(0, 1)) == 0


def _edge_nt(*arguments: str | Path, accept: Sequence[int] = (0,)) -> int:
    """Show and run one command as a user would type it; any exit code but those in `accept` ends the demo."""
    import shlex

    from edge_nt.cli.app import app

    words = [str(argument) for argument in arguments]
    typer.secho(f"\n$ edge-nt {shlex.join(words)}", bold=True)
    code = 0
    try:
        result = app(args=words, prog_name="edge-nt", standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except EdgeNtError as error:
        if error.exit_code not in accept:
            raise
        typer.secho(f"edge-nt: {error}", err=True)
        code = error.exit_code
    if code not in accept:
        raise typer.Exit(code)
    return code


def _summary(paths: DemoPaths) -> Table:
    # In the order in which the bundles were named, on one backend.
    latency = dict(zip(BUNDLES, _read(paths.latency)["variants"], strict=True))
    rows = []
    for name in BUNDLES:
        size = sum(file.stat().st_size for file in paths.bundle(name).glob("*.onnx")) / 1e6
        median = latency[name]["stages"]["total"]["p50_ms"]
        mae, edge, verdict = _unseen(paths, name)
        rows.append((name, f"{size:.1f}", f"{median:.2f}", f"{mae:.4f}", f"{edge:.4f}", verdict))
    columns = ("bundle", "MB", "ms a frame (p50)", "ROI MAE, unseen", "ROI Edge-MAE, unseen", "gates")
    return table("SYNTHETIC phantoms: the measurement, before and after", columns, rows)


def _unseen(paths: DemoPaths, name: str) -> tuple[float, float, str]:
    """ROI MAE, ROI Edge-MAE at the unseen hospital and the verdict, read from the verify reports."""
    is_reference = name == REFERENCE
    report = _read(paths.verdict("fp16" if is_reference else name))
    group = next(each for each in report["comparison"]["groups"] if each["group"].startswith("held-out"))
    if group["roi"] is None:
        raise InputError(expected=f"boxes at {HELD_OUT}", got="none", fix=f"remove {paths.data} and run the demo again")
    side = "reference" if is_reference else "candidate"
    short = [f"{gate['metric']} {gate['state']}" for gate in report["comparison"]["gates"] if gate["state"] != "pass"]
    verdict = "reference" if is_reference else ", ".join(dict.fromkeys(short)) or "pass"
    return group["roi"][f"{side}_mae"], group["roi"][f"{side}_edge_mae"], verdict


def _read(path: Path) -> Any:
    import json

    return json.loads(path.read_text(encoding="utf-8"))
