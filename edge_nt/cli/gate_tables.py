"""A comparison of two bundles as tables in a terminal: gates a group, OOD, calipers, hospitals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_nt.cli.screen import print_tables, styled, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from edge_nt.metrics.bootstrap import Interval
    from edge_nt.verify.comparison import Comparison
    from edge_nt.verify.gate_result import GateResult
    from edge_nt.verify.group_figures import GroupFigures

_COLOURS = {"pass": "green", "FAIL": "red", "not shown": "yellow"}
_USUAL_CONFIDENCE = 0.975


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Print every gate of every group, then what is reported and not gated."""
    for group in comparison.groups:
        print_tables(console, _gates(group, [gate for gate in comparison.gates if gate.group == group.group]))
    if not comparison.groups:
        for gate in comparison.gates:
            console.print(f"{gate.metric}: {gate.state}: {gate.reason}", highlight=False, markup=False)
        return
    print_tables(console, _sites((*comparison.groups, *comparison.sites)))
    if comparison.auroc is not None:
        auroc = comparison.auroc
        console.print(
            f"AUROC, held-out hospital against source validation: reference {_interval(auroc.reference)}, "
            f"candidate {_interval(auroc.candidate)}, change {_interval(auroc.change, '+')}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _gates(group: GroupFigures, gates: list[GateResult]) -> Table:
    title = f"{group.group} ({group.frames} frames, {group.roi_frames} with ROI)"
    names = ("metric", "reference", "candidate", "estimate", "worse end", "limit", "n", "verdict")
    rows: list[tuple[str | Text, ...]] = []
    for gate in gates:
        sides = ["" if value is None else f"{value:.4g}" for value in (gate.reference, gate.candidate)]
        bounds = gate.bounds
        figures = ["", "", ""]
        if bounds is not None:
            sure = f" ({bounds.confidence:.0%})" if bounds.confidence < _USUAL_CONFIDENCE - 1e-9 else ""
            figures = [f"{bounds.estimate:+.4f}", f"{bounds.high:+.4f}{sure}", str(bounds.n)]
        mark = styled(gate.state, _COLOURS[gate.state])
        rows.append((f"{gate.metric}, {gate.unit}", *sides, *figures[:2], f"{gate.limit:g}", figures[2], mark))
    return table(title, names, rows)


def _sites(groups: tuple[GroupFigures, ...]) -> Table:
    names = ("group", "frames", "ROI", "|diff|", "PSNR dB", "flips", "cosine", "measurable", "drift", "bias")
    return table("By group, hospital and scanner (not gated)", names, [_site(each) for each in groups])


def _site(row: GroupFigures) -> tuple[str, ...]:
    calipers = row.calipers
    drift = calipers.drift if calipers else None
    return (
        row.group,
        str(row.frames),
        str(row.roi_frames),
        f"{row.roi.difference_grey_levels:.3f}" if row.roi else "",
        f"{row.candidate_psnr_db - row.reference_psnr_db:+.3f}",
        str(row.flips),
        f"{row.latent_cosine_least:.5f}",
        f"{calipers.scan_measurable}, {calipers.reference_measurable}, {calipers.candidate_measurable}"
        if calipers
        else "",
        f"{drift.median:.3f}, {drift.p95:.3f} {drift.unit}" if drift else "",
        f"{drift.bias:+.3f}" if drift else "",
    )


def _interval(interval: Interval, sign: str = "") -> str:
    return f"{interval.estimate:{sign}.4f} [{interval.low:{sign}.4f}, {interval.high:{sign}.4f}]"
