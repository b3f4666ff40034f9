"""`edge-nt train`: two-stage training, on a dataset folder or on phantoms."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.screen import counting, screen
from edge_nt.cli.sigterm import sigterm_ends
from edge_nt.errors import InputError
from edge_nt.training.launch import STOPPED_EXIT_CODE

if TYPE_CHECKING:
    from rich.console import Console

    from edge_nt.training.launch import Processes
    from edge_nt.training.recipe import TrainRecipe

RUNS_FOLDER = Path("runs")
PHANTOM_HOSPITALS, PHANTOMS_PER_HOSPITAL = 3, 100


def train(
    *,
    data: Annotated[
        Path | None,
        typer.Option(help="Dataset folder; without it, phantoms are made and used. With --resume, where it lies now."),
    ] = None,
    held_out: Annotated[
        str | None, typer.Option(help="Site never seen in training or calibration: HOSPITAL or HOSPITAL:SCANNER.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Site to train on; repeat for several. [default: every other one]")
    ] = None,
    roi: Annotated[
        list[str] | None, typer.Option(help="Structure to refine; repeat for several. [default: NT]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to make. [default: runs/<time>]")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with this run folder, with the settings that it has.")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="TOML of settings over the shipped ones.")] = None,
    stage1_steps: Annotated[int | None, typer.Option(help="Steps of stage 1.")] = None,
    stage2_steps: Annotated[int | None, typer.Option(help="Steps of stage 2.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Frames a step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights, order and augmentation.")] = None,
    height: Annotated[
        int | None, typer.Option(help="Network input height, px: a multiple of 64 from 192. [default: 192]")
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="Network input width, px: a multiple of 64 from 192. [default: 256]")
    ] = None,
    mask_overlays: Annotated[bool, typer.Option(help="Black out what lies outside the ultrasound sector.")] = False,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda. [default: auto]")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, float32 or bfloat16. [default: auto]")] = None,
    devices: Annotated[int | None, typer.Option(help="Processes on this node, a GPU each. [default: 1]")] = None,
    num_nodes: Annotated[int | None, typer.Option(help="Nodes that train together. [default: 1]")] = None,
    rendezvous: Annotated[str | None, typer.Option(help="HOST:PORT at which several nodes meet.")] = None,
    prepare: Annotated[bool, typer.Option(help="Check the data and write the run folder, without training.")] = False,
) -> None:
    """Train both stages: MS-SSIM on the whole image, then the region of interest."""
    from edge_nt.imaging.letterbox import Preprocess
    from edge_nt.training.launch import processes
    from edge_nt.training.recipe import read_recipe
    from edge_nt.training.train import prepare_run

    together = processes(devices, num_nodes, new_run=resume is None and not prepare)
    console = screen(stderr=True)
    if resume is None:
        counts = {"stage1_steps": stage1_steps, "stage2_steps": stage2_steps, "batch_size": batch_size, "seed": seed}
        settings = read_recipe(recipe, counts)
        resume = out or RUNS_FOLDER / datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
        data, held_out = _data_or_phantoms(data, held_out, settings, resume, console)
        default = Preprocess()
        size = default.height if height is None else height, default.width if width is None else width
        # Nothing is left of a run that was stopped here: the exit code is not that of a resume point.
        with sigterm_ends(), counting("frames") as on_frame:
            prepare_run(
                resume,
                data,
                held_out=held_out,
                sources=tuple(source or ()),
                structures=tuple(roi or ["NT"]),
                preprocess=Preprocess(*size, mask_overlays),
                recipe=settings,
                device=device or "auto",
                precision=precision or "auto",
                on_frame=on_frame,
            )
    else:
        _refuse_beside_resume(
            held_out, source, roi, out, recipe, stage1_steps, stage2_steps, batch_size, seed, height, width,
            mask_overlays or None, device, precision, prepare or None,
        )  # fmt: skip
    if not prepare:
        train_and_show(resume, console, together, rendezvous, data)
    if together.rank is None:
        typer.echo(str(resume))


def _refuse_beside_resume(*options: object) -> None:
    if any(option is not None for option in options):
        raise InputError(
            expected="--resume with no other option than --data, --devices, --num-nodes and --rendezvous",
            got="others too",
            fix="drop them: a resumed run keeps its settings",
        )


def train_and_show(
    run: Path, console: Console, together: Processes, rendezvous: str | None = None, data: Path | None = None
) -> None:
    """Train a prepared run, in processes of its own where there are to be several; exit code 130 when stopped.

    `data` is where its dataset lies now, where it has moved.
    """
    from edge_nt.training.checkpoint import is_finished

    if is_finished(run):
        console.print("finished already: nothing is left to train")
        return
    if not together.to_launch:
        _train_here(run, console, together, data)
        return
    from edge_nt.training.launch import launch

    code = launch(run, together, rendezvous, data)
    if code:
        raise typer.Exit(code)


def _train_here(run: Path, console: Console, together: Processes, data: Path | None) -> None:
    """Train with progress bars; Ctrl-C and SIGTERM write the resume point and exit with 130."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from edge_nt.training.launch import watched
    from edge_nt.training.run_folder import read_run
    from edge_nt.training.stage import TrainingStoppedError
    from edge_nt.training.train import train_run

    info = read_run(run)
    console.quiet = bool(together.rank)
    console.print(
        f"training on {info.dataset}: {len(info.train)} frames, {len(info.val)} for validation, "
        f"{info.held_out_hospital} held out ({len(info.held_out)}); {info.device}, {info.precision}{together}"
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=console) as bars, stop_request() as stopping:
        total = {1: info.recipe.stage1_steps, 2: info.recipe.stage2_steps}
        frames = len(info.train) + len(info.val) + len(info.held_out)
        decoding = bars.add_task("frames", total=frames, note="", visible=False)
        tasks = {stage: bars.add_task(f"stage {stage}", total=steps, note="") for stage, steps in total.items()}

        def on_step(stage: int, step: int, loss: float) -> None:
            bars.update(tasks[stage], completed=step, note=f"loss {loss:.4f}")

        try:
            with watched(run, together):
                waiting = train_run(
                    run,
                    data_root=data,
                    together=together,
                    on_frame=lambda: bars.update(decoding, advance=1, visible=True),
                    on_step=on_step,
                    should_stop=lambda: bool(stopping),
                )
        except TrainingStoppedError:
            bars.stop()
            moved = "" if data is None else f" --data {data}"
            console.print(f"stopped; go on with: edge-nt train --resume {run}{moved}")
            raise typer.Exit(STOPPED_EXIT_CODE) from None
    for stage, times in waiting.items():
        console.print(f"{stage}: {times.total_s:.1f} s in steps, {100 * times.share:.1f} % of it waiting for data")


def _data_or_phantoms(
    data: Path | None, held_out: str | None, recipe: TrainRecipe, run: Path, console: Console
) -> tuple[Path, str]:
    if data is not None:
        if held_out is None:
            raise InputError(
                expected="--held-out SITE with --data",
                got="none",
                fix="name the hospital, or hospital:scanner, that training must never see",
            )
        return data, held_out
    from edge_nt.phantom.generate import write_phantoms

    phantoms = run.parent / f"phantoms-seed{recipe.seed}"
    console.print(f"no --data: training on SYNTHETIC phantoms in {phantoms}")
    if not (phantoms / "dataset.json").is_file():
        with console.status("making phantoms"):
            write_phantoms(phantoms, hospitals=PHANTOM_HOSPITALS, per_hospital=PHANTOMS_PER_HOSPITAL, seed=recipe.seed)
    from edge_nt.datasets.dataset import read_dataset

    return phantoms, held_out or read_dataset(phantoms).hospitals()[-1]


@contextmanager
def stop_request() -> Iterator[list[int]]:
    """A list that holds the signal once someone pressed Ctrl-C or sent SIGTERM; a second Ctrl-C stops at once."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
