"""The measured behaviour of the OOD watch and the drift monitor, as Markdown."""

from __future__ import annotations

from edge_nt.evaluation.ood_operation_result import Delay, EventFigures, OperationReport

_ROW = "| {} |"


def operation_markdown(report: OperationReport) -> str:
    """Every figure of a report in tables."""
    title = f"# OOD in operation: {report.run}, {report.precision}"
    parts = [title, _warning(report), _events(report), _rates(report), _stream(report), _p_values(report)]
    return "\n\n".join(part for part in [*parts, _drift(report)] if part) + "\n"


def _warning(report: OperationReport) -> str:
    return "SYNTHETIC phantoms: these figures say nothing about patients." if report.synthetic else ""


def _events(report: OperationReport) -> str:
    fastest = max(event.frames_per_s for event in report.events)
    head = ["event", "scans", "to out", "to recover", "most changes", "distinct frames flagged", "by plain Mahalanobis"]
    rows = [_event_row(event) for event in report.events if event.frames_per_s == fastest]
    title = f"At {fastest:g} frames/s, seconds: median, p95, worst."
    return f"{title}\n\n{_table(head, rows)}"


def _event_row(event: EventFigures) -> list[str]:
    name = f"{event.event} ({event.fade_s:g} s)" if event.fade_s else f"{event.event}, at once"
    shares = f"{event.flagged_share:.0%}", f"{event.plain_flagged_share:.0%}"
    return [name, str(event.scans), _words(event.to_out), _words(event.to_recover), str(event.most_changes), *shares]


def _rates(report: OperationReport) -> str:
    rates = sorted({event.frames_per_s for event in report.events}, reverse=True)
    rows = []
    for rate in rates:
        mine = [event for event in report.events if event.frames_per_s == rate]
        never = sum(event.to_out.never for event in mine), sum(event.to_recover.never for event in mine)
        worst = (_worst([event.to_out for event in mine]), _worst([event.to_recover for event in mine]))
        rows.append([f"{rate:g}", worst[0], worst[1], f"{never[0]}, {never[1]}"])
    head = ["frames/s", "worst to out, s", "worst to recover, s", "never out, never recovered"]
    return f"All events together.\n\n{_table(head, rows)}"


def _stream(report: OperationReport) -> str:
    held = report.held_stream
    return (
        f"{held.scans} held-in scans, {held.seconds_each:g} s each, without an event: {held.out_scans} ever out of "
        f"distribution ({held.out_per_hour:.1f} times an hour, {held.out_share:.1%} of the time), caution "
        f"{held.caution_share:.1%} of the time; {held.changes_per_hour:.0f} changes of state an hour; the verdict "
        f"of single frames turned {held.frame_changes_per_hour:.0f} times an hour. One update took "
        f"{report.update_us:.0f} µs."
    )


def _p_values(report: OperationReport) -> str:
    rows = [[f"{each.alpha:g}", f"{each.share:.3f}"] for each in report.p_values]
    head = ["α", "share of p-values at or below it"]
    return f"Held-in scans judged by another half of the patients.\n\n{_table(head, rows)}"


def _drift(report: OperationReport) -> str:
    head = ["stream", "reference", "quiet, then changed", "orders", "alarms", "median exams to alarm"]
    rows = [
        [
            each.stream,
            str(each.reference),
            f"{each.quiet}, {each.exams - each.quiet}",
            str(each.orders),
            str(each.alarms) + (f", and {each.early} before the change" if each.early else ""),
            "" if each.median_exams is None else f"{each.median_exams:g}",
        ]
        for each in report.drift
    ]
    return f"Drift, one scan an examination.\n\n{_table(head, rows)}"


def _words(delay: Delay) -> str:
    if delay.median_s is None:
        return f"never in {delay.never}"
    words = f"{delay.median_s:.2f}, {delay.p95_s:.2f}, {delay.worst_s:.2f}"
    return words + (f"; never in {delay.never}" if delay.never else "")


def _worst(delays: list[Delay]) -> str:
    seconds = [delay.worst_s for delay in delays if delay.worst_s is not None]
    return f"{max(seconds):.2f}" if seconds else ""


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(_ROW.format(" | ".join(cells)) for cells in lines)
