"""`edge-nt encode`: frames as latents in one archive file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.screen import counting, print_tables, screen, table
from edge_nt.cli.sigterm import sigterm_ends
from edge_nt.cli.stream_options import AllowUnverified, Backend, Jobs
from edge_nt.errors import InputError

if TYPE_CHECKING:
    from edge_nt.runtime.reconstructor import Reconstructor
    from edge_nt.stream.latent_cost import LatentCost


def encode(
    inputs: Annotated[
        list[Path], typer.Argument(help="Image, DICOM and video files, or folders of them.", metavar="INPUT...")
    ],
    out: Annotated[Path, typer.Option(help="Archive to write, a .npz file.")],
    *,
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle folder; the shipped one by default.", metavar="BUNDLE")
    ] = None,
    nameless: Annotated[
        bool, typer.Option("--nameless", help="Number the frames instead of storing the names of their files.")
    ] = False,
    cost: Annotated[
        Path | None,
        typer.Option(help="Of a dataset folder: also measure what float16 costs, and write it here.", metavar="JSON"),
    ] = None,
    jobs: Jobs = None,
    backend: Backend = "auto",
    allow_unverified: AllowUnverified = False,
) -> None:
    """Store frames as float16 latents: 256 bytes a frame and its name, for archives and tele-ultrasound."""
    from rich.progress import Progress

    from edge_nt.bundle.output_file import check_output_file
    from edge_nt.imaging.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES
    from edge_nt.runtime.crew import load_crew
    from edge_nt.sources.files import FileSource
    from edge_nt.sources.image_files import image_files
    from edge_nt.stream.encode import encode_frames

    _check_out(out, cost, inputs)
    check_output_file(out, () if bundle is None else (bundle,))
    files = image_files(inputs, None, IMAGE_SUFFIXES | VIDEO_SUFFIXES)
    crew = load_crew(bundle, jobs, None, backend, allow_unverified=allow_unverified)
    with sigterm_ends(), Progress(console=screen(stderr=True), transient=True) as progress:
        task = progress.add_task("encoding", total=None)
        done = encode_frames(crew, FileSource(files), out, lambda _: progress.advance(task), named=not nameless)
    per_frame = done.archive_bytes / done.frames
    latent_bytes = 2 * crew[0].bundle.manifest.latent_dim
    _say(
        f"{done.frames} frames, {done.out_of_distribution} out of distribution and marked so; {done.archive_bytes} "
        f"bytes, {per_frame:.0f} a frame, {latent_bytes} of them its latent.\nArchive: {out}"
    )
    if cost is not None:
        _measure(crew[0], inputs[0], cost)
    if done.first_failed is not None:
        got = f"{done.failed} frames failed, the first: {done.first_failed.offer.name}: {done.first_failed.error}"
        raise InputError(expected="every frame to be readable", got=got, fix="the other frames are in the archive")


def _check_out(out: Path, cost: Path | None, inputs: list[Path]) -> None:
    if out.suffix != ".npz":
        raise InputError(expected="an archive that ends with .npz", got=str(out), fix="name it so")
    if cost is not None and not (len(inputs) == 1 and (inputs[0] / "dataset.json").is_file()):
        raise InputError(
            expected="one dataset folder as the input of --cost",
            got=", ".join(map(str, inputs)),
            fix="make one with `edge-nt data import`, or leave --cost out",
        )


def _measure(reconstructor: Reconstructor, folder: Path, out: Path) -> None:
    from edge_nt import __version__
    from edge_nt.datasets.dataset import read_dataset
    from edge_nt.results import write_result
    from edge_nt.stream.latent_cost import measure_cost

    dataset = read_dataset(folder)
    with sigterm_ends(), counting("measuring float16") as on_frame:
        report = measure_cost(dataset, reconstructor, __version__, on_frame)
    write_result(out, report)
    _print(report)
    _say(f"Result: {out}")


def _print(report: LatentCost) -> None:
    names = ("group", "n", "mean, of 255", "max", "8-bit pixels changed", "ROI MAE float32", "change", "edge change")
    rows = [
        (
            f"{group.hospital} {group.split}",
            str(group.frames),
            f"{group.mean_difference_grey_levels:.4f}",
            f"{group.max_difference_grey_levels:.3f}",
            f"{group.changed_pixels:.2%}",
            "" if group.float32_roi_mae is None else f"{group.float32_roi_mae:.4f}",
            _change(group.float32_roi_mae, group.float16_roi_mae),
            _change(group.float32_roi_edge_mae, group.float16_roi_edge_mae),
        )
        for group in report.groups
    ]
    print_tables(screen(), table("Pictures from float16 latents against float32", names, rows))


def _change(before: float | None, after: float | None) -> str:
    return "" if not before or after is None else f"{after / before - 1:+.3%}"


def _say(words: str) -> None:
    screen().print(words, markup=False, highlight=False, soft_wrap=True)
