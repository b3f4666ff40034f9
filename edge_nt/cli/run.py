"""`edge-nt run`: image files through a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_nt.errors import InputError


def run(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder that `edge-nt export` wrote.", metavar="BUNDLE")],
    inputs: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.", metavar="INPUT...")],
    out: Annotated[Path, typer.Option(help="Folder for the results; replaced when an earlier run wrote it.")],
    threads: Annotated[
        int | None, typer.Option(help="Threads inside an operator; onnxruntime's choice by default.")
    ] = None,
) -> None:
    """Reconstruct and score frames with a bundle: pictures, latents and one JSON line a frame."""
    from rich.console import Console
    from rich.progress import Progress

    from edge_nt.runtime import load
    from edge_nt.runtime.frame_run import run_frames
    from edge_nt.runtime.sinks import LATENTS_NAME, PICTURES_NAME, RESULTS_NAME
    from edge_nt.runtime.sources import image_files

    console = Console()
    files = image_files(inputs)
    reconstructor = load(bundle, threads)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("frames", total=len(files))
        summary = run_frames(reconstructor, files, out, lambda file: progress.advance(task))
    console.print(
        f"{summary.frames} of {len(files)} frames reconstructed, {summary.out_of_distribution} out of distribution.\n"
        f"{out}: {RESULTS_NAME}, {LATENTS_NAME}, {PICTURES_NAME}/",
        highlight=False,
        soft_wrap=True,
    )
    if reconstructor.bundle.manifest.synthetic:
        console.print("This bundle was trained on SYNTHETIC phantoms: its scores say nothing about patients.")
    if summary.failed:
        first = summary.failed[0]
        raise InputError(
            expected="every frame to be readable",
            got=f"{len(summary.failed)} of {len(files)} frames failed, the first: {first.file}: {first.reason}",
            fix=f"see the lines with an error in {out / RESULTS_NAME}; the other frames are done",
        )
