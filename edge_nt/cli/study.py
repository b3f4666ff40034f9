"""`edge-nt study`: stage 2 against stage 1 continued, and ablations, over sites and seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.given_options import refuse_others
from edge_nt.cli.screen import screen
from edge_nt.cli.train import stop_request
from edge_nt.errors import InputError
from edge_nt.training.launch import STOPPED_EXIT_CODE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from edge_nt.study.slots import Slot
    from edge_nt.study.study_folder import Job, OpenStudy, StudyRecord


def study(
    context: typer.Context,
    *,
    data: Annotated[Path | None, typer.Option(help="Dataset folder; needed unless --table is given.")] = None,
    protocol: Annotated[
        Path | None,
        typer.Option(help="TOML of sites, seeds, arms and recipe. [default: the folder's own, else shipped]"),
    ] = None,
    out: Annotated[Path, typer.Option(help="Study folder to make, to go on with or to extend.")],
    devices: Annotated[str, typer.Option(help="auto, cpu, cuda or a list such as cuda:0,cuda:1.")] = "auto",
    workers: Annotated[int, typer.Option(help="Arms that train side by side on the CPU.")] = 1,
    threads: Annotated[int | None, typer.Option(help="Threads of each arm. [default: cores / workers]")] = None,
    dry_run: Annotated[
        bool, typer.Option(help="Say what would be trained and how long it takes; train nothing.")
    ] = False,
    stage1_of: Annotated[
        Path | None,
        typer.Option(help="Study of the same data whose finished stage 1s and controls are taken over."),
    ] = None,
    table: Annotated[bool, typer.Option(help="Write the results anew from the scores; train nothing.")] = False,
) -> None:
    """Train every arm of a study that is not finished yet, and write study.json and study.md."""
    from edge_nt.cli.study_tables import show_plan
    from edge_nt.study.slots import pick_slots
    from edge_nt.study.study_folder import begin_study, open_study
    from edge_nt.study.study_result import TABLE_NAME
    from edge_nt.study.summarise import summarise_study

    console = screen(stderr=True)
    if threads is not None and threads < 1:
        raise InputError(expected="at least one thread", got=str(threads), fix="correct --threads")
    if table:
        refuse_others(context, "--table", ("table", "out"))
    elif data is None:
        raise InputError(expected="--data DATASET_FOLDER", got="none", fix="name the dataset folder, or pass --table")
    else:
        slots = pick_slots(devices, workers)
        opened = open_study(out, _wanted(data, protocol, out, threads, workers), data)
        taken = _to_take(opened, stage1_of)
        if dry_run:
            show_plan(opened, slots, console, taken)
            return
        begin_study(opened)
        if stage1_of is not None:
            _take(opened, stage1_of, taken, console)
        _train(opened, slots, console)
    summarise_study(out)
    typer.echo(str(out / TABLE_NAME))


def _wanted(data: Path, protocol: Path | None, out: Path, threads: int | None, workers: int) -> StudyRecord:
    from importlib import metadata

    import edge_nt
    from edge_nt.datasets.dataset import read_dataset
    from edge_nt.datasets.dataset_tables import dataset_tables
    from edge_nt.machine import usable_cores
    from edge_nt.recipes import default_path
    from edge_nt.study.protocol import read_protocol
    from edge_nt.study.study_folder import RECORD_NAME, StudyRecord, read_study

    dataset = read_dataset(data)
    # A study keeps the number of threads that it was begun with, unless another is asked for, which is refused.
    begun = read_study(out) if (out / RECORD_NAME).is_file() else None
    own = begun.protocol if begun is not None and protocol is None else None
    return StudyRecord(
        protocol=own or read_protocol(protocol or default_path("benchmarks/study.toml")),
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        tables=dataset_tables(data),
        threads=threads or (begun.threads if begun else max(1, usable_cores() // workers)),
        edge_nt_version=edge_nt.__version__,
        torch_version=metadata.version("torch"),
    )


def _to_take(opened: OpenStudy, other: Path | None) -> tuple[Job, ...]:
    if other is None:
        return ()
    from edge_nt.study.take_over import jobs_to_take

    return jobs_to_take(opened, other)


def _take(opened: OpenStudy, other: Path, jobs: tuple[Job, ...], console: Console) -> None:
    from edge_nt.study.take_over import take_over

    take_over(opened, other, jobs)
    for job in jobs:
        console.print(f"{job}: taken over from {other}")
    if not jobs:
        console.print(f"nothing in {other} that is finished and not begun here")


def _train(opened: OpenStudy, slots: Sequence[Slot], console: Console) -> None:
    from edge_nt.cli.study_tables import StudyProgress
    from edge_nt.datasets.dataset import read_dataset
    from edge_nt.study.run_study import StudyStoppedError, run_study
    from edge_nt.study.summarise import summarise_study
    from edge_nt.training.frame_cache import cached_frames

    with StudyProgress(opened, console) as progress, stop_request() as stopping:
        # Once, before several processes ask for it.
        cached_frames(read_dataset(opened.data), opened.record.protocol.preprocess, progress.on_frame)
        try:
            failures = run_study(
                opened, slots, on_step=progress.on_step, on_end=progress.on_end, should_stop=lambda: bool(stopping)
            )
        except StudyStoppedError:
            summarise_study(opened.out)
            console.print(f"stopped; go on with the same command, --out {opened.out}")
            raise typer.Exit(STOPPED_EXIT_CODE) from None
    if failures:
        summarise_study(opened.out)
        raise InputError(
            expected="every arm to be trained to its end",
            got="; ".join(f"{failure.job}: {failure.message}" for failure in failures),
            fix="mend the cause and give the same command again: what is finished is kept",
        )
