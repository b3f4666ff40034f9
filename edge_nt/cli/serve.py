"""`edge-nt serve`: frames of a live source through a bundle, as a service."""

from __future__ import annotations

import faulthandler
from pathlib import Path
from typing import Annotated, Literal

import typer

from edge_nt.cli.stream_options import AllowUnverified, Backend, Dicom, Jobs, Threads, Video
from edge_nt.errors import EdgeNtError, MissingDependencyError

DEFAULT_PORT = 8765


def serve(
    bundle: Annotated[
        Path | None,
        typer.Argument(help="Bundle folder; else the bundle that edge-nt ships with runs.", metavar="[BUNDLE]"),
    ] = None,
    *,
    source: Annotated[str, typer.Option(help="Where frames come from: docs/live-sources.md.", metavar="SPEC")],
    out: Annotated[Path, typer.Option(help="Folder for the results; those of an earlier start are continued.")],
    listen: Annotated[
        str, typer.Option(help="IP address and port of page, metrics and probes.")
    ] = f"127.0.0.1:{DEFAULT_PORT}",
    expose: Annotated[
        bool, typer.Option("--expose", help="Let --listen be an address that other machines reach, unprotected.")
    ] = False,
    host_name: Annotated[
        list[str] | None, typer.Option(help="A name of this machine that browsers may use; can be repeated.")
    ] = None,
    page: Annotated[bool, typer.Option(help="Serve the page with its pictures and file names.")] = True,
    stalled_after: Annotated[
        float, typer.Option(help="Not ready after so long without a frame of a live source.", metavar="SECONDS")
    ] = 5.0,
    pictures: Annotated[bool, typer.Option(help="Write each reconstruction as PNG.")] = False,
    latents: Annotated[str, typer.Option(help="Write latents as parquet, or none.")] = "none",
    video: Video = None,
    dicom: Dicom = False,
    deidentify: Annotated[
        bool, typer.Option("--deidentify", help="Write and show no patient's data of DICOM files, no names of files.")
    ] = False,
    jobs: Jobs = None,
    threads: Threads = None,
    backend: Backend = "auto",
    allow_unverified: AllowUnverified = False,
    log_format: Annotated[Literal["text", "json"], typer.Option(help="Form of the log on stderr.")] = "text",
) -> None:
    """Reconstruct, score and watch the frames of a live source until stopped, with a status page and metrics."""
    from edge_nt.runtime.crew import load_crew
    from edge_nt.service.event_log import event_log, log_defect, log_error, own_stderr
    from edge_nt.service.http_server import parse_address
    from edge_nt.service.serve import ServeSettings
    from edge_nt.service.serve import serve as run_service
    from edge_nt.stream.outputs import Outputs

    # The watchdog ends a hang by SIGABRT: the journal then has where every thread stood.
    with own_stderr() as stderr, event_log(log_format, stream=stderr):
        faulthandler.enable(stderr)
        try:
            address = parse_address(listen, expose=expose)
            outputs = Outputs(pictures, latents, video, dicom, deidentify)
            names = tuple(host_name or ())
            settings = ServeSettings(source, out, address, outputs, page, names, stalled_after)
            crew = load_crew(bundle, jobs, threads, backend, allow_unverified=allow_unverified)
            _, interrupted = run_service(crew, settings)
        except EdgeNtError as error:
            # Through the log, so that the journal knows it as an error.
            log_error(error)
            raise typer.Exit(error.exit_code) from error
        except Exception as error:
            # Not 1, Python's own exit code then, after which systemd does not start it again.
            log_defect(error)
            raise typer.Exit(MissingDependencyError.exit_code) from error
    if interrupted:
        raise typer.Exit(130)
