"""What `edge-nt bench --compare` refuses, prints and fails on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from edge_nt.errors import GateFailedError, InputError

if TYPE_CHECKING:
    from rich.console import Console

    from edge_nt.bench.bench_report import BenchReport
    from edge_nt.bench.compare import BenchComparison


def check_percent(percent: float | None, compare: Path | None) -> None:
    """Raises: InputError for a limit that is none, or without a report to hold it to."""
    if percent is not None and compare is None:
        raise InputError(expected="--compare with --fail-on-regression", got="none", fix="name an earlier report")
    if percent is not None and not 0 <= percent < math.inf:
        raise InputError(
            expected="a percentage from 0 up as --fail-on-regression", got=f"{percent:g}", fix="correct it"
        )


def refuse_same_file(out: Path, compare: Path | None) -> None:
    """Raises: InputError where the new report would be written over the earlier one."""
    if compare is not None and out.resolve() == compare.resolve():
        raise InputError(
            expected="another file as --out than the earlier report", got=str(out), fix="name a new file as --out"
        )


def show_change(console: Console, old: BenchReport, new: BenchReport, percent: float | None) -> None:
    """Print what moved. Raises: GateFailedError where something is slower by more than `percent`, or stopped."""
    from edge_nt.bench.compare import compare_reports
    from edge_nt.cli.bench_tables import show_comparison

    comparison: BenchComparison = compare_reports(old, new)
    show_comparison(console, comparison)
    if percent is None:
        return
    slower = [f"{each.variant}, {each.stage} {each.change.estimate:+.1%}" for each in comparison.regressions(percent)]
    stopped = [f"{name} no longer runs" for name in comparison.stopped]
    if slower or stopped:
        raise GateFailedError(
            expected=f"no more than {percent:g} % slower, beyond noise, than the earlier report",
            got="; ".join((*stopped, *slower)),
            fix="look at what changed since, or measure again on a quiet machine",
        )
