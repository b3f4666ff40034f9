"""`edge-nt run`: image files through a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from edge_nt.runtime.reconstructor import Reconstructor


def run(
    named: Annotated[
        list[Path],
        typer.Argument(
            help="Image files, or folders of them; before them a bundle folder that `edge-nt export` wrote, "
            "else the bundle that edge-nt ships with runs.",
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
    jobs: Annotated[
        int | None, typer.Option(help="Frames at the same time: one a core, up to 8, by default; 1: one by one.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads inside an operator, for each job; by default the jobs share the cores.")
    ] = None,
    backend: Annotated[
        str, typer.Option(help="onnxruntime, openvino, openvino-bf16, tensorrt, or auto: the fastest faithful one.")
    ] = "auto",
    allow_unverified: Annotated[
        bool, typer.Option("--allow-unverified", help="Run a bundle without a verdict of verify, or with a failed one.")
    ] = False,
) -> None:
    """Reconstruct and score frames with a bundle: pictures, latents and one JSON line a frame."""
    from rich.console import Console
    from rich.progress import Progress

    from edge_nt.bundle.place import bundle_and_inputs
    from edge_nt.runtime.crew import load_crew
    from edge_nt.sinks.latents import LATENTS_NAME
    from edge_nt.sinks.pictures import PICTURES_NAME
    from edge_nt.sinks.result_log import RESULTS_NAME
    from edge_nt.sources.image_files import image_files
    from edge_nt.stream.frame_run import run_frames

    console = Console()
    folder, inputs = bundle_and_inputs(named, bundle)
    files = image_files(inputs, out / PICTURES_NAME)
    crew = load_crew(folder, jobs, threads, backend, allow_unverified=allow_unverified)
    if folder is None:
        _name_reference(crew[0])
    _say(console, f"Backend: {crew[0].choice}, jobs: {len(crew)}\nVerdict: {crew[0].admission}")
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("frames", total=len(files))
        summary = run_frames(crew, files, out, lambda frame: progress.advance(task))
    _say(
        console,
        f"{summary.frames} of {len(files)} frames reconstructed, {summary.out_of_distribution} out of distribution; "
        f"{summary.seconds:.1f} s, {summary.frames_per_s:.1f} frames/s.\n"
        f"{out}: {RESULTS_NAME}, {LATENTS_NAME}, {PICTURES_NAME}/",
    )
    if crew[0].bundle.manifest.synthetic:
        console.print("This bundle was trained on SYNTHETIC phantoms: its scores say nothing about patients.")
    if summary.failed:
        first = summary.failed[0]
        raise InputError(
            expected="every frame to be readable",
            got=f"{len(summary.failed)} of {len(files)} frames failed, the first: {first.offer.name}: {first.error}",
            fix=f"see the lines with an error in {out / RESULTS_NAME}; the other frames are done",
        )


def _say(console: Console, words: str) -> None:
    console.print(words, markup=False, highlight=False, soft_wrap=True)


def _name_reference(reconstructor: Reconstructor) -> None:
    from rich.console import Console

    manifest, folder = reconstructor.bundle.manifest, reconstructor.bundle.folder
    words = f"No bundle named: the shipped {folder.name} runs ({manifest.structure}, {manifest.precision})"
    _say(Console(stderr=True), f"{words}; {folder.parent / 'MODEL_CARD.md'} says what it can do.")
