"""The table that `edge-nt doctor` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from edge_nt.health.examination import DoctorReport

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "not applicable": "dim"}
_SHORT = {"not applicable": "–", "fail": "FAIL"}


def show_doctor(console: Console, report: DoctorReport) -> None:
    """Print a line for each check, its fix below what was seen, and how many stand how."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=f"edge-nt {report.edge_nt} on this machine", title_justify="left", pad_edge=False)
    for heading in ("check", "", "seen, and what to do"):
        drawn.add_column(heading, overflow="fold")
    for group in report.groups:
        drawn.add_section()
        drawn.add_row(Text(group.title, style="bold"), "", "")
        for check in group.checks:
            # What was seen comes from files of the machine: plain text, whatever brackets it has.
            seen = Text(check.seen)
            if check.fix:
                seen.append(f"\n→ {check.fix}", style=_STYLES[check.status])
            status = Text(_SHORT.get(check.status, check.status), style=_STYLES[check.status])
            drawn.add_row(Text(f"  {check.name}"), status, seen)
    console.print(drawn)
    counts = ", ".join(f"{len(report.having(status))} {status}" for status in _STYLES)
    console.print(counts, markup=False, highlight=False)
