"""`edge-nt verify`: a candidate bundle against its FP32 reference, gated inside the ROI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.screen import counting, screen
from edge_nt.errors import GateFailedError

if TYPE_CHECKING:
    from rich.console import Console

    from edge_nt.verify.gate_result import GateResult
    from edge_nt.verify.verification import VerifyReport


_MOST_NAMED = 3


def verify(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder to judge.", metavar="BUNDLE")],
    *,
    reference: Annotated[Path, typer.Option(help="FP32 bundle of the same checkpoint.", metavar="FP32_BUNDLE")],
    data: Annotated[Path, typer.Option(help="Dataset folder with ROI boxes.", metavar="DIR")],
    gates: Annotated[Path | None, typer.Option(help="Gate file; benchmarks/roi_gates.toml by default.")] = None,
    out: Annotated[Path, typer.Option(help="Report file to write.")] = Path("verify.json"),
    backend: Annotated[
        str, typer.Option(help="What runs BUNDLE: auto, onnxruntime, openvino, openvino-bf16, tensorrt.")
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option(help="Threads inside an operator; the backend's choice by default.")
    ] = None,
    verdict: Annotated[bool, typer.Option(help="Leave the verdict in BUNDLE, where `run` looks for it.")] = True,
) -> None:
    """Compare two bundles frame by frame and gate what calipers, ROI and OOD score lose; exit 1 unless all pass."""
    from edge_nt.bundle.output_file import check_output_file
    from edge_nt.bundle.verdict import check_verdict_place, write_verdict
    from edge_nt.cli.gate_tables import show_comparison
    from edge_nt.results import write_result
    from edge_nt.verify.gates import read_gates
    from edge_nt.verify.verdict_entry import verdict_entry
    from edge_nt.verify.verification import verify_bundles

    console = screen()
    check_output_file(out, (bundle, reference))
    if verdict:
        check_verdict_place(bundle)
    with counting("frames") as on_frame:
        report = verify_bundles(
            bundle,
            reference,
            data,
            read_gates(gates),
            threads=threads,
            backend=backend,
            on_frame=on_frame,
        )
    write_result(out, report)
    if verdict:
        identity = report.candidate
        write_verdict(bundle, identity.bundle_sha256, identity.backend, verdict_entry(report))
    _say_what(console, report)
    show_comparison(console, report.comparison)
    left = f"; verdict on {report.candidate.backend} in {bundle / 'verdict.json'}" if verdict else ""
    console.print(f"Report: {out}{left}", highlight=False, soft_wrap=True)
    _raise_unless_passed(report)


def _say_what(console: Console, report: VerifyReport) -> None:
    data = f"{report.dataset}{' (SYNTHETIC)' if report.synthetic else ''}"
    sides = (f"{side.precision} on {side.backend}" for side in (report.candidate, report.reference))
    console.print(
        f"{' against '.join(sides)}, ROI {report.structure}, {data}, {report.gate_file.name}", highlight=False
    )
    if report.gate_file.caliper_not_gated is not None:
        console.print(f"Calipers are not gated: {report.gate_file.caliper_not_gated}", markup=False, highlight=False)


def _raise_unless_passed(report: VerifyReport) -> None:
    short = [gate for gate in report.comparison.gates if not gate.passed]
    if not short:
        return
    failed = [gate for gate in short if gate.state == "FAIL"]
    # What failed says more than what could not be shown; the table above and the report name all of them.
    named = (failed or short)[:_MOST_NAMED]
    more = f"; {len(short) - len(named)} more in the table" if len(short) > len(named) else ""
    smaller = "ship the reference precision, or export again with more of the graph left in float"
    raise GateFailedError(
        expected=f"every gate of {report.gate_file.name} to pass",
        got=f"{len(failed)} failed, {len(short) - len(failed)} not shown: " + "; ".join(map(_words, named)) + more,
        fix=smaller if failed else "verify on more frames: none failed, and these are too few to show it",
    )


def _words(gate: GateResult) -> str:
    if gate.bounds is None:
        return f"{gate.metric} of {gate.group} {gate.state}: {gate.reason}"
    return (
        f"{gate.metric} of {gate.group} {gate.state}: {gate.bounds.estimate:.3g}, up to {gate.bounds.high:.3g} "
        f"{gate.unit} (limit {gate.limit:g}; {gate.reason})"
    )
