"""The table that `edge-nt doctor` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_nt.cli.screen import print_tables, styled, table

if TYPE_CHECKING:
    from rich.console import Console

    from edge_nt.health.examination import DoctorReport

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "not applicable": "dim"}
_SHORT = {"not applicable": "–", "fail": "FAIL"}


def show_doctor(console: Console, report: DoctorReport) -> None:
    """Print a line for each check, its fix below what was seen, and how many stand how."""
    from rich.text import Text

    rows: list[tuple[str | Text, ...] | None] = []
    for group in report.groups:
        rows += [None, (styled(group.title, "bold"), "", "")]
        for check in group.checks:
            style = _STYLES[check.status]
            seen = Text.assemble(check.seen, (f"\n→ {check.fix}" if check.fix else "", style))
            rows.append((f"  {check.name}", styled(_SHORT.get(check.status, check.status), style), seen))
    title = f"edge-nt {report.edge_nt} on this machine"
    print_tables(console, table(title, ("check", "", "seen, and what to do"), rows))
    counts = ", ".join(f"{len(report.having(status))} {status}" for status in _STYLES)
    console.print(counts, markup=False, highlight=False)
