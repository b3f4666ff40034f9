"""`edge-nt decode`: a latent archive back to pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_nt.cli.screen import counting, screen
from edge_nt.cli.sigterm import sigterm_ends
from edge_nt.cli.stream_options import AllowUnverified, Backend, Jobs


def decode(
    archive: Annotated[Path, typer.Argument(help="Archive that `edge-nt encode` wrote.", metavar="ARCHIVE")],
    out: Annotated[Path, typer.Option(help="Folder for the pictures; replaced when an earlier decoding wrote it.")],
    *,
    bundle: Annotated[
        Path | None, typer.Option(help="The bundle that encoded; the shipped one by default.", metavar="BUNDLE")
    ] = None,
    jobs: Jobs = None,
    backend: Backend = "auto",
    allow_unverified: AllowUnverified = False,
) -> None:
    """Make pictures at the size of their sources from an archive, with the decoder that it was made for."""
    from edge_nt.runtime.crew import load_crew
    from edge_nt.sinks.archive_format import read_archive
    from edge_nt.stream.decode import decode_archive

    read = read_archive(archive)
    crew = load_crew(bundle, jobs, None, backend, allow_unverified=allow_unverified)
    with sigterm_ends(), counting("decoding") as count:
        decode_archive(read, crew, out, lambda done: count(done, len(read.names)))
    outside = int((~read.in_distribution).sum())
    console = screen()
    console.print(
        f"{len(read.names)} frames, {outside} of them out of distribution when they were encoded.\n{out}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
