"""`edge-nt run`: files of frames through a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.screen import screen
from edge_nt.cli.sigterm import sigterm_ends
from edge_nt.cli.stream_options import AllowUnverified, Backend, Dicom, Jobs, Threads, Video
from edge_nt.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from edge_nt.runtime.reconstructor import Reconstructor
    from edge_nt.sinks.sink import FailedFrame, FinishedFrame
    from edge_nt.stream.frame_run import RunSummary
    from edge_nt.stream.stream import OnFrame


def run(
    named: Annotated[
        list[Path],
        typer.Argument(
            help="Image, DICOM and video files, or folders of them; before them a bundle folder that `edge-nt export` "
            "wrote, else the bundle that edge-nt ships with runs.",
            metavar="[BUNDLE] INPUT...",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results; replaced when an earlier run wrote it.")] = Path(
        "edge-nt-results"
    ),
    *,
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle folder, instead of as the first argument.", metavar="BUNDLE")
    ] = None,
    jobs: Jobs = None,
    threads: Threads = None,
    backend: Backend = "auto",
    allow_unverified: AllowUnverified = False,
    crop_region: Annotated[
        bool, typer.Option("--crop-region", help="Only the 2-D tissue region that each DICOM header names.")
    ] = False,
    pictures: Annotated[bool, typer.Option(help="Write each reconstruction as PNG.")] = True,
    latents: Annotated[str, typer.Option(help="Write latents as npz, parquet, or none.")] = "npz",
    video: Video = None,
    dicom: Dicom = False,
    deidentify: Annotated[
        bool, typer.Option("--deidentify", help="Write no patient's data of DICOM files and no names of files.")
    ] = False,
) -> None:
    """Reconstruct and score frames with a bundle: pictures, latents and one JSON line a frame."""
    from rich.progress import Progress

    from edge_nt.bundle.place import bundle_and_inputs
    from edge_nt.runtime.crew import load_crew
    from edge_nt.sources.files import FileSource
    from edge_nt.stream.frame_run import input_files, run_frames
    from edge_nt.stream.outputs import Outputs

    console, outputs = screen(), Outputs(pictures, latents, video, dicom, deidentify)
    folder, inputs = bundle_and_inputs(named, bundle)
    files = input_files(inputs, out)
    crew = load_crew(folder, jobs, threads, backend, allow_unverified=allow_unverified)
    if folder is None:
        _name_reference(crew[0])
    _say(console, f"Backend: {crew[0].choice}, jobs: {len(crew)}\nVerdict: {crew[0].admission}")
    source = FileSource(files, "region" if crop_region else "frame")
    with sigterm_ends(), Progress(console=console, transient=True) as progress:
        summary = run_frames(crew, source, out, outputs, _bar(progress, len(files)))
    _say(
        console,
        f"{summary.frames} of {summary.frames + summary.failed} frames reconstructed, "
        f"{summary.out_of_distribution} out of distribution; {summary.seconds:.1f} s, "
        f"{summary.frames_per_s:.1f} frames/s.\n{out}: {', '.join(sorted(entry.name for entry in out.iterdir()))}",
    )
    if summary.cannot_strip is not None:
        _say(console, summary.cannot_strip)
    if crew[0].bundle.manifest.synthetic:
        console.print("This bundle was trained on SYNTHETIC phantoms: its scores say nothing about patients.")
    _refuse_failures(summary, out)


def _bar(progress: Progress, files: int) -> OnFrame:
    """Moves a bar by frame, whose end becomes known, or unknown, as files of several frames come."""
    task = progress.add_task("frames", total=files)

    def move(done: FinishedFrame | FailedFrame) -> None:
        place, total = done.offer.place, progress.tasks[task].total
        if place is not None and place.frame == 0 and total is not None:
            progress.update(task, total=None if place.frames is None else total + place.frames - 1)
        progress.advance(task)

    return move


def _refuse_failures(summary: RunSummary, out: Path) -> None:
    from edge_nt.sinks.result_log import RESULTS_NAME

    first = summary.first_failed
    if first is not None:
        got = f"{summary.failed} of {summary.frames + summary.failed} frames failed, the first: {first.offer.name}"
        raise InputError(
            expected="every frame to be readable",
            got=f"{got}: {first.error}",
            fix=f"see the lines with an error in {out / RESULTS_NAME}; the other frames are done",
        )


def _say(console: Console, words: str) -> None:
    console.print(words, markup=False, highlight=False, soft_wrap=True)


def _name_reference(reconstructor: Reconstructor) -> None:
    manifest, folder = reconstructor.bundle.manifest, reconstructor.bundle.folder
    words = f"No bundle named: the shipped {folder.name} runs ({manifest.structure}, {manifest.precision})"
    _say(screen(stderr=True), f"{words}; {folder.parent / 'MODEL_CARD.md'} says what it can do.")
