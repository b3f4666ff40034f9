"""`edge-nt bench-live`: whether the whole pipeline keeps a frame rate for minutes, and what it does above it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.screen import screen
from edge_nt.cli.stream_options import Backend, Jobs, Threads
from edge_nt.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from edge_nt.bench.live import LivePlan, Scans
    from edge_nt.bench.live_result import LiveBench
    from edge_nt.runtime.reconstructor import Reconstructor


def bench_live(
    named: Annotated[
        list[Path],
        typer.Argument(
            help="Image files or folders to replay; before them a bundle folder, else the shipped one.",
            metavar="[BUNDLE] INPUT...",
        ),
    ],
    *,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 30,
    seconds: Annotated[float, typer.Option(help="How long at each rate.")] = 600,
    rates: Annotated[str, typer.Option(help="Multiples of --fps, between commas.")] = "1,10",
    jobs: Jobs = None,
    threads: Threads = None,
    backend: Backend = "auto",
    waiting: Annotated[int | None, typer.Option(help="Frames that may wait for a job, instead of 4.")] = None,
    in_flight: Annotated[
        int | None, typer.Option(help="Frames taken and not yet written, instead of 12 and one a job.")
    ] = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="Also write a PNG a frame: mind the disk.")] = False,
    latents: Annotated[str, typer.Option(help="parquet or none.")] = "parquet",
    video: Annotated[bool, typer.Option("--video", help="Also write scan beside reconstruction as video.")] = False,
    dicom: Annotated[bool, typer.Option("--dicom", help="Also write DICOM Secondary Captures.")] = False,
    keep: Annotated[Path | None, typer.Option(help="New folder for what the sinks write; else it is deleted.")] = None,
    out: Annotated[Path, typer.Option(help="JSON report to write.")] = Path("live.json"),
) -> None:
    """Replay scans at a frame rate through a live run: latency, drops, memory and its slope; then above that rate."""
    from edge_nt.bench.live import LivePlan
    from edge_nt.bench.live_scans import file_scans
    from edge_nt.bundle.output_file import check_output_file
    from edge_nt.bundle.place import bundle_and_inputs
    from edge_nt.cli.bench_live_table import show_live
    from edge_nt.results import write_result
    from edge_nt.runtime.crew import load_crew
    from edge_nt.stream.live_run import WAITING
    from edge_nt.stream.outputs import Outputs

    outputs = Outputs(pictures=pictures, latents=latents, video_fps=fps if video else None, dicom=dicom)
    plan = LivePlan(fps, seconds, _factors(rates), outputs, WAITING if waiting is None else waiting, in_flight)
    folder, inputs = bundle_and_inputs(named, None)
    check_output_file(out, [folder] if folder else [])
    console = screen()
    scans = file_scans(inputs)
    crew = load_crew(folder, jobs, threads, backend, allow_unverified=True)
    with _folder(keep) as written:
        report = _measured(console, crew, scans, plan, written, out=out)
    write_result(out, report)
    show_live(console, report)
    console.print(f"Report: {out}", highlight=False, soft_wrap=True)


def _factors(rates: str) -> tuple[float, ...]:
    try:
        return tuple(float(each) for each in rates.split(","))
    except ValueError as error:
        raise InputError(expected="numbers between commas as --rates", got=repr(rates), fix="such as 1,10") from error


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with TemporaryDirectory(prefix="edge-nt-live-") as folder:
            yield Path(folder)
        return
    if keep.exists():
        raise InputError(expected="a new folder as --keep", got=f"{keep}, which exists", fix="name another")
    yield keep


def _measured(
    console: Console, crew: tuple[Reconstructor, ...], scans: Scans, plan: LivePlan, folder: Path, *, out: Path
) -> LiveBench:
    from rich.progress import Progress

    from edge_nt.bench.live import measure_live
    from edge_nt.results import write_result

    # Drawn once a second only, without a drawing thread of its own.
    with Progress(console=console, transient=True, auto_refresh=False) as progress:
        task = progress.add_task("live")

        def on_second(name: str, done_s: float, all_s: float) -> None:
            progress.update(task, description=name, completed=done_s, total=all_s, refresh=True)

        def keep(so_far: LiveBench) -> None:
            try:
                write_result(out, so_far)
            except InputError as error:
                # The sinks may have filled the disk, and free it at the end.
                progress.console.print(f"not kept yet: {error}", markup=False, highlight=False)

        return measure_live(crew, scans, plan, folder, on_second, on_stretch=keep)
