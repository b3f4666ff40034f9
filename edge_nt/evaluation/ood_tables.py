"""The OOD protocols as tables: AUROC and flagged share of every score, for a terminal and in Markdown."""

from __future__ import annotations

from edge_nt.evaluation.ood_result import OodReport, Protocol, ScoreFigures, ScoreSetting, StageProtocols

HEADINGS = ("frames", "n")


def stage_rows(stage: StageProtocols) -> list[tuple[str, ...]]:
    """A row for each protocol: its name, frames, and AUROC / flagged % of every score, in the order of `scores`."""
    return [
        (protocol_name(protocol), str(protocol.frames), *(_cell(figures) for figures in protocol.figures))
        for protocol in stage.protocols
    ]


def source_row(stage: StageProtocols) -> tuple[str, ...]:
    """The means over every level of every corruption, on which the default was chosen."""
    cells = (f"{each.source_auroc:.3f} / {100 * each.source_flagged_share:.0f}" for each in stage.scores)
    return ("mean over corruptions", "", *cells)


def protocol_name(protocol: Protocol) -> str:
    """A protocol in words, such as ``blur, 2 px sigma``."""
    level = "" if protocol.level is None else f", {protocol.level:g} {protocol.unit}"
    return f"{protocol.family} {protocol.name}" if protocol.family != "corruption" else f"{protocol.name}{level}"


def choice_words(report: OodReport) -> str:
    """Why the default is what it is, and what source frames say of it."""
    parts = []
    for stage in report.stages:
        first, default = (_setting(stage, name) for name in (stage.best_on_source, report.default))
        beside = "which is the best" if first == default else f"the best is {first.score} with {first.source_auroc:.3f}"
        parts.append(f"{stage.stage}: {report.default} {default.source_auroc:.3f}, {beside}")
    return (
        "The default is chosen on held-in validation and its corruptions alone, by mean AUROC over every level: "
        f"{'; '.join(parts)}. Unseen sites and folders had no say."
    )


def report_markdown(report: OodReport) -> str:
    """Every figure that a person compares; intervals are in ood.json."""
    warning = "SYNTHETIC phantoms: these figures say nothing about patients.\n\n" if report.synthetic else ""
    sections = [_stage_markdown(stage, report) for stage in report.stages]
    return f"# OOD protocols of {report.run}\n\n{warning}{choice_words(report)}\n\n" + "\n".join(sections)


def _stage_markdown(stage: StageProtocols, report: OodReport) -> str:
    held_in = f"{stage.validation_frames} frames of held-in validation, {stage.training_frames} of training"
    names = [f"**{each.score}**" if each.score == report.default else each.score for each in stage.scores]
    thresholds = ("threshold", "", *(f"{each.threshold:.3g}" for each in stage.scores))
    alarms = ("false alarms, %", "", *(f"{100 * each.false_alarm_share:.1f}" for each in stage.scores))
    rows = [(*HEADINGS, *names), tuple("---" for _ in range(2 + len(names))), thresholds, alarms, source_row(stage)]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in [*rows, *stage_rows(stage)])
    words = f"AUROC / share flagged in % at {100 * report.kept_share:.0f} % of held-in validation kept; {held_in}."
    meanings = "\n".join(f"- {each.score}: {each.meaning}" for each in stage.scores)
    return f"## {stage.stage}\n\n{words}\n\n{lines}\n\n{meanings}\n"


def _cell(figures: ScoreFigures) -> str:
    return f"{figures.auroc.estimate:.3f} / {100 * figures.flagged_share:.0f}"


def _setting(stage: StageProtocols, name: str) -> ScoreSetting:
    return next(each for each in stage.scores if each.score == name)
