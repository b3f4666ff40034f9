"""study.md: one table a side of each site, what every arm changed, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from edge_nt.study.study_result import (
    ArmTraining,
    Change,
    MetricOverSeeds,
    SideFigures,
    SiteFigures,
    StructureImages,
    Study,
)

_Figure = TypeVar("_Figure", MetricOverSeeds, Change)

# Title, factor and digits of a metric's value; the digits of its change, and what that is counted in.
_COLUMNS = {
    "psnr_db": ("PSNR, dB", 1.0, 3, 3, " dB"),
    "ms_ssim": ("MS-SSIM", 1.0, 4, 4, ""),
    "roi_mae": ("ROI MAE", 1.0, 5, 2, " %"),
    "roi_edge_mae": ("ROI Edge-MAE", 1.0, 5, 2, " %"),
    "roi_psnr_db": ("ROI PSNR, dB", 1.0, 3, 3, " dB"),
    "caliper_measurable": ("caliper measurable, %", 100.0, 1, 1, " points"),
}


def study_table(study: Study) -> str:
    """The study as Markdown; the same scores give the same text."""
    kind = "SYNTHETIC phantoms" if study.synthetic else "scans"
    lines = [
        f"# Study on {study.dataset}",
        "",
        f"{kind}, structures {', '.join(study.structures)}; edge-nt {study.edge_nt_version}, torch "
        f"{study.torch_version}, protocol `{study.protocol_sha256[:12]}`. Values are means over images, then mean ± "
        "standard deviation over seeds. Changes have a paired 95 % bootstrap interval over images, each averaged over "
        "the seeds first, and how many seeds agree in sign. Changes of errors are relative, lower is better; others "
        "are differences, higher is better.",
        "",
    ]
    if not study.complete:
        count = sum(len(site.missing) for site in study.sites)
        lines += [f"**Not complete: {count} trainings are missing.** They are named below.", ""]
    for site in study.sites:
        lines += _site(site)
    return "\n".join(lines).rstrip() + "\n"


def _site(site: SiteFigures) -> list[str]:
    sources = ", ".join(site.sources) or "every other site"
    name = "" if site.name == site.held_out else f"{site.name}: "
    lines = [f"## {name}{site.held_out} unseen, trained on {sources}", ""]
    if site.missing:
        lines += [f"Missing: {'; '.join(site.missing)}.", ""]
    for side in site.sides:
        lines += _side(side)
    if site.trainings:
        lines += _trainings(site)
    return lines


def _side(side: SideFigures) -> list[str]:
    """The whole image with the measured structure in one table, every other structure in one of its own."""
    lines = [f"### {side.side}: {side.images} images", ""]
    for which, structure in enumerate(side.structures):
        inside = [None, structure.structure] if which == 0 else [structure.structure]
        lines += [_images(structure), ""]
        names = [metric.metric for metric in side.arms[0].metrics if metric.structure in inside]
        if names:
            lines += _tables(side, inside, names)
    return lines


def _images(structure: StructureImages) -> str:
    scans = ""
    if structure.scan_measurable_share is not None:
        scans = f"; the caliper measures {100 * structure.scan_measurable_share:.1f} % of these scans themselves"
    return f"{structure.images} of them with {structure.structure}{scans}."


def _tables(side: SideFigures, inside: Sequence[str | None], names: Sequence[str]) -> list[str]:
    lines = _head(["arm", "seeds", *(_COLUMNS[name][0] for name in names)])
    for arm in side.arms:
        values = map(_value, _of(arm.metrics, inside, names))
        lines.append(_row([arm.arm, str(len(arm.seeds)), *values]))
    lines.append("")
    if side.comparisons:
        lines += _head(["change", "seeds", *(_COLUMNS[name][0].split(",")[0] for name in names)])
        for each in side.comparisons:
            changes = map(_change, _of(each.changes, inside, names))
            lines.append(_row([f"{each.arm} − {each.against}", str(len(each.seeds)), *changes]))
        lines.append("")
    return lines


def _of(figures: Sequence[_Figure], inside: Sequence[str | None], names: Sequence[str]) -> list[_Figure]:
    by_name = {each.metric: each for each in figures if each.structure in inside}
    return [by_name[name] for name in names]


def _value(metric: MetricOverSeeds) -> str:
    _, factor, digits, _, _ = _COLUMNS[metric.metric]
    sd = "" if metric.sd is None else f" ± {factor * metric.sd:.{digits}f}"
    return f"{factor * metric.mean:.{digits}f}{sd}"


def _change(change: Change) -> str:
    if change.interval is None:
        return "no ratio"
    _, factor, _, digits, unit = _COLUMNS[change.metric]
    scale = 100.0 if change.kind == "relative" else factor
    estimate, low, high = (
        f"{scale * each:+.{digits}f}" for each in (change.interval.estimate, change.interval.low, change.interval.high)
    )
    return f"{estimate} [{low}, {high}]{unit}; {change.seeds_agreeing}/{len(change.per_seed)}"


def _trainings(site: SiteFigures) -> list[str]:
    lines = ["### Trainings: loss weights, and gradient norms measured before the first step", ""]
    lines += _head(["arm", "seed", "steps", "on", "weights", "gradient norms"])
    for each in site.trainings:
        weights, norms = (
            ", ".join(f"{name} {value:.4g}" for name, value in sorted(terms.items())) or "not measured"
            for terms in (each.loss_weights, each.gradient_norms)
        )
        where = f"{each.device}, {each.precision}"
        lines.append(_row([each.arm, str(each.seed), str(each.steps), where, weights, norms]))
    return [*lines, "", *_software(site), *_machines(site)]


def _software(site: SiteFigures) -> list[str]:
    """Which software trained and scored, once where it was the same; nothing where it was not yet recorded."""
    lines: list[str] = []
    for done, name in (("trained", lambda each: "; then ".join(each.trainers)), ("scored", lambda each: each.scorer)):
        by_software = _arms_by(site, name)
        if len(by_software) > 1:
            lines += _not_alike(f"Not all {done} by the same software", "the software's", by_software)
        elif "" not in by_software:
            lines += [f"All {done} by {next(iter(by_software))}.", ""]
    return lines


def _machines(site: SiteFigures) -> list[str]:
    """What trained on another device, at another precision or with other threads, which a study may go on with."""
    by_machine = _arms_by(site, lambda each: f"{each.device}, {each.precision}, {each.threads} threads")
    if len(by_machine) == 1:
        return []
    return _not_alike("Not all trained on the same device, precision and threads", "theirs", by_machine)


def _arms_by(site: SiteFigures, key: Callable[[ArmTraining], str]) -> dict[str, list[str]]:
    arms: dict[str, list[str]] = {}
    for each in site.trainings:
        arms.setdefault(key(each), []).append(f"{each.arm}, seed {each.seed}")
    return arms


def _not_alike(what: str, whose: str, arms: dict[str, list[str]]) -> list[str]:
    named = [f"- {found or 'not recorded'}: {'; '.join(names)}" for found, names in arms.items()]
    return [f"**{what}**, so that a change between them may be {whose}:", "", *named, ""]


def _head(names: Sequence[str]) -> list[str]:
    return [_row(names), _row(["---"] * len(names))]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
