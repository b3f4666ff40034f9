"""`edge-nt probe`: what frozen latents give away about where a frame was taken."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from edge_nt.cli.screen import print_tables, screen, styled, table, with_note
from edge_nt.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from edge_nt.evaluation.probe_result import Probe, SiteProbe
    from edge_nt.metrics.bootstrap import Interval

_BAR_CELLS = 12
_MARKS = {"visible": "", "masked": ", masked"}


def probe(
    run: Annotated[Path | None, typer.Argument(help="Run folder. [default: the newest under runs/]")] = None,
    data: Annotated[Path | None, typer.Option(help="The run's dataset folder, where it has moved.")] = None,
    by: Annotated[str, typer.Option(help="What to probe for: site (hospital:scanner) or hospital.")] = "site",
    out: Annotated[Path | None, typer.Option(help="Folder to write. [default: RUN/probe]", metavar="DIR")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print probe.json instead of tables.")] = False,
) -> None:
    """Read the source site from frozen latents, stage 1 beside stage 2, with burned-in overlays and without."""
    if by not in ("site", "hospital"):
        raise InputError(expected="site or hospital", got=repr(by), fix="correct --by")
    from rich.progress import Progress

    from edge_nt.evaluation.probe import probe_run
    from edge_nt.evaluation.probe_result import RESULTS_NAME
    from edge_nt.training.run_folder import newest_run

    notes = screen(stderr=True)
    chosen = newest_run(Path("runs")) if run is None else run
    folder = chosen / "probe" if out is None else out
    notes.print(f"probing {chosen}", highlight=False, soft_wrap=True)
    with Progress(console=notes, transient=True) as progress:
        task = progress.add_task("frames", total=None)
        measured = probe_run(
            chosen,
            data,
            by=cast(Literal["site", "hospital"], by),
            out=folder,
            on_progress=lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
        )
    if as_json:
        typer.echo((folder / RESULTS_NAME).read_text(encoding="utf-8"), nl=False)
    else:
        _show(screen(), measured)
        notes.print(f"{folder}: {RESULTS_NAME}", highlight=False, soft_wrap=True)


def _show(console: Console, measured: Probe) -> None:
    if measured.synthetic:
        console.print("SYNTHETIC phantoms: these figures say nothing about patients.")
    print_tables(console, _held_in(measured), _unseen(measured), _changes(measured))
    for line in _notes(measured):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _held_in(measured: Probe) -> Table:
    sites = measured.sites
    counts = ", ".join(f"{each.site} {each.val}" for each in sites.sites)
    columns = ("probe", "accuracy", "balanced accuracy", "information", "0 to all")
    rows: list[tuple[str | Text, ...]] = []
    for each in measured.probes:
        figures = (each.accuracy, each.balanced_accuracy, each.information)
        rows.append((_name(each), *(_percent(value) for value in figures), _bar(each.information.estimate)))
    majority, uniform = (f"{100 * value:.1f} %" for value in (sites.majority_accuracy, sites.uniform_accuracy))
    rows.append((styled("knowing nothing", "dim"), majority, uniform, "0.0 %", _bar(0)))
    return table(f"Held-in validation: which site? ({counts} frames)", columns, rows)


def _unseen(measured: Probe) -> Table:
    sites = measured.sites
    named = " / ".join(each.site for each in sites.sites)
    title = f"Unseen {sites.unseen}: how sure? ({sites.unseen_frames} frames; named {named})"
    rows: list[tuple[str | Text, ...]] = []
    for each in measured.probes:
        figures = (_plain(value) for value in (each.unseen.max_softmax, each.unseen.entropy))
        held_in = f"{each.held_in.max_softmax.estimate:.3f}\n{each.held_in.entropy.estimate:.3f}"
        rows.append((_name(each), *figures, held_in, " / ".join(map(str, each.unseen_as))))
    shares = f"{sites.uniform_accuracy:.3f}", f"{sites.largest_entropy:.3f}"
    rows.append((styled("equal shares", "dim"), *shares, "", ""))
    return table(title, ("probe", "max softmax", "entropy, nats", "held-in, both", "named"), rows)


def _changes(measured: Probe) -> Table:
    title = "What changes, over the same frames"
    columns = ("change", "balanced accuracy", "information", "unseen max softmax", "unseen entropy, nats")
    rows: list[tuple[str | Text, ...]] = []
    for each in measured.changes:
        held_in = (_percent(value, "+") for value in (each.balanced_accuracy, each.information))
        rows.append((each.what, *held_in, *(_plain(value, "+") for value in (each.max_softmax, each.entropy))))
    return table(title, columns, rows)


def _notes(measured: Probe) -> list[str]:
    facts = measured.overlays
    saw = "with" if facts.encoder_saw_overlays else "without"
    lines = [
        f"The encoder was trained {saw} overlays. Outside the sectors lay {100 * facts.brightness_outside:.2f} % of "
        f"all brightness; {facts.frames_without_sector} frames have no sector and are black once masked."
    ]
    few = [f"{each.site} ({each.val})" for each in measured.sites.sites if each.val < 20]
    if few:
        lines.append(f"Few validation frames: {', '.join(few)}; balanced accuracy and information rest on them.")
    return lines


def _name(each: SiteProbe) -> str:
    return (
        each.features if each.overlays == "alone" else each.features.replace("stage", "stage ") + _MARKS[each.overlays]
    )


def _bar(share: float) -> str:
    filled = round(_BAR_CELLS * min(1.0, max(0.0, share)))
    return "█" * filled + "░" * (_BAR_CELLS - filled)


def _percent(interval: Interval, sign: str = "") -> Text:
    # A difference of two shares is one of percentage points.
    return _with_bounds(interval, f"{sign}.1f", 100, " points" if sign else " %")


def _plain(interval: Interval, sign: str = "") -> Text:
    return _with_bounds(interval, f"{sign}.3f", 1, "")


def _with_bounds(interval: Interval, form: str, factor: float, unit: str) -> Text:
    estimate, low, high = (f"{factor * value:{form}}" for value in (interval.estimate, interval.low, interval.high))
    return with_note(f"{estimate}{unit}", f"[{low}, {high}]")
