"""What an export made and what it tried, as tables in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_nt.cli.screen import print_tables, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from edge_nt.export.bundle_export import ExportReport
    from edge_nt.export.search_result import CalibratorReport, SensitivityReport, Trial


def print_report(report: ExportReport, console: Console) -> None:
    """Show what was searched for, the sizes of graphs and plans, what was checked, and how INT8 was made."""
    from edge_nt.export.search_result import result_file

    if report.calibrators is not None:
        print_tables(console, _calibrators(report.calibrators))
        _say(console, f"Calibrators: {result_file(report.bundle, 'calibrators')}")
    if report.sensitivity is not None:
        print_sensitivity(report.sensitivity, console)
        _say(console, f"Sensitivity: {result_file(report.bundle, 'sensitivity')}")
    print_tables(console, _graphs(report))
    tensorrt = report.tensorrt
    accepted = f"TensorRT-RTX {tensorrt.version}: parsed and built both graphs, strongly typed"
    _say(console, f"TensorRT-RTX: not checked: {tensorrt.not_checked}" if tensorrt.not_checked else accepted)
    how, calibration = report.manifest.quantisation, report.manifest.calibration
    if how is None or calibration is None:
        return
    hospitals = ", ".join(sorted({image.hospital for image in calibration.images}))
    over = f"{len(calibration.images)} training images of {hospitals}"
    tuned = ", fine-tuned" if how.fine_tuning_steps else ""
    _say(console, f"INT8 ranges: {how.calibrator}{tuned} over {over}")
    floats = ", ".join(how.float_layers) or "none"
    _say(console, f"In {how.float_type}, not INT8: {floats} ({how.method}{_steps(how.fine_tuning_steps)})")


def print_sensitivity(report: SensitivityReport, console: Console) -> None:
    """Show the layers by what they cost and every candidate that was judged."""
    start = report.everything_quantised
    rows = [("none", *_trial(start), "")]
    for each in report.layers:
        gain = "" if each.limit_given_back is None else f"{100 * each.limit_given_back:+.0f} %"
        rows.append((each.layer, *_trial(each.trial), gain))
    names = ("in float", "worst gate", "of its limit", "gates", "given back")
    print_tables(console, table("Layers, the most sensitive first (source validation)", names, rows))
    steps = [*report.added, *report.given_back]
    if steps:
        tried = [(", ".join(trial.float_layers), *_trial(trial)) for trial in steps]
        print_tables(console, table("Candidates in the order they were tried", names[:4], tried))
    _say(console, f"{len(report.layers) + 1} layer trials and {len(steps)} more in {report.context.took_s:.0f} s")


def _calibrators(report: CalibratorReport) -> Table:
    title = f"Calibrators on source validation ({report.context.frames} frames); chosen: {report.chosen}"
    rows = [(trial.calibrator, *_trial(trial)) for trial in report.trials]
    return table(title, ("calibrator", "worst gate", "of its limit", "gates"), rows)


def _trial(trial: Trial) -> tuple[str, str, str]:
    used = "not measurable" if trial.limit_used is None else f"{100 * trial.limit_used:.0f} %"
    failed = sum(not gate.passed for gate in trial.gates)
    return trial.worst_gate, used, "all pass" if trial.passed else f"{failed} of {len(trial.gates)} not passed"


def _graphs(report: ExportReport) -> Table:
    manifest = report.manifest
    engine = "" if manifest.target == "any" else f" for {manifest.target}"
    rows: list[Sequence[str]] = []
    for graph, size_bytes in report.graph_sizes_bytes.items():
        plan = report.tensorrt.plan_bytes.get(graph)
        rows.append((graph, f"{size_bytes / 1e6:.2f}", "not checked" if plan is None else f"{plan / 1e6:.2f}", "clean"))
    title = f"{manifest.precision}{engine} of {'SYNTHETIC ' if manifest.synthetic else ''}{manifest.structure}"
    return table(title, ("graph", "ONNX MB", "TensorRT-RTX plan MB", "lint"), rows)


def _steps(count: int) -> str:
    return f", {count} steps" if count else ""


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
