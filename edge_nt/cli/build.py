"""`edge-nt build`: the TensorRT engines of a bundle, for the machine at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_nt.cli.screen import print_tables, screen, table
from edge_nt.engines.workspace import DEFAULT_WORKSPACE_MB

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from edge_nt.bundle.read import Bundle
    from edge_nt.engines.engine_folder import BuildSummary, OnBuild
    from edge_nt.runtime.launch import LaunchChoice


def build(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder that `edge-nt export` wrote.", metavar="BUNDLE")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder for engines; BUNDLE/engines, or EDGE_NT_ENGINES, by default.")
    ] = None,
    workspace_mb: Annotated[int, typer.Option(help="Most memory that a kernel may work in.")] = DEFAULT_WORKSPACE_MB,
    force: Annotated[bool, typer.Option("--force", help="Build also what fits already.")] = False,
) -> None:
    """Build the TensorRT engines of a bundle for this machine; what fits already is kept."""
    from edge_nt.bundle.read import read_bundle

    build_and_print(read_bundle(bundle), screen(), out=out, workspace_mb=workspace_mb, force=force)


def build_and_print(
    bundle: Bundle,
    console: Console,
    *,
    out: Path | None = None,
    workspace_mb: int = DEFAULT_WORKSPACE_MB,
    force: bool = False,
) -> None:
    """Build a bundle's engines, measure how to launch them, and show both.

    Raises: InputError for a bundle or folder that will not do; MissingDependencyError without TensorRT or a GPU;
    GateFailedError when the engines do not repeat the bundle's golden vectors.
    """
    from edge_nt.bundle.tensorrt_target import refuse_for_tensorrt
    from edge_nt.engines.engine_folder import build_engines, engine_root
    from edge_nt.engines.platform import this_platform

    refuse_for_tensorrt(bundle.manifest, bundle.folder)
    platform, root = this_platform(), engine_root(bundle, out)
    with build_progress(console) as on_build:
        summary = build_engines(bundle, platform, root=root, workspace_mb=workspace_mb, force=force, on_build=on_build)
    _print_summary(summary, console)
    elsewhere = root != engine_root(bundle)
    _say(console, _launch_line(bundle, elsewhere=elsewhere))
    if elsewhere:
        _say(console, f"Set EDGE_NT_ENGINES={out} for `edge-nt run` and others to find these engines.")


def build_after_export(bundle_folder: Path, console: Console) -> None:
    """Build the engines of a bundle that was just exported, where TensorRT and a GPU are; else say why not."""
    from edge_nt.bundle.read import read_bundle
    from edge_nt.engines.tensorrt_package import tensorrt_absence

    bundle = read_bundle(bundle_folder)
    absence = "these graphs are for CPUs" if bundle.manifest.target == "cpu" else tensorrt_absence()
    if absence is None:
        build_and_print(bundle, console)
    else:
        _say(console, f"TensorRT engines: not built: {absence}")


@contextmanager
def build_progress(console: Console) -> Iterator[OnBuild]:
    """A line for each phase of the build that is under way."""
    from rich.progress import Progress

    with Progress(console=console, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def show(graph: str, phase: str, done: int, total: int) -> None:
            name = f"{graph}: {phase}"
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            # What is finished leaves the screen: TensorRT has dozens of phases.
            progress.update(tasks[name], completed=done, total=total, visible=done < total)

        yield show


def _print_summary(summary: BuildSummary, console: Console) -> None:
    if summary.interrupted:
        _say(
            console,
            "An earlier build here was killed before its end. Where Linux did it for want of memory (`dmesg` says so), "
            "add swap, close other programs, or lower --workspace-mb.",
        )
    for reason in summary.replaced:
        _say(console, f"Replaced: {reason}")
    platform = summary.records[0].platform
    title = f"TensorRT {platform.tensorrt} on {platform.device}, compute capability {platform.compute_capability}"
    rows = []
    for record in summary.records:
        size = (summary.folder / f"{record.graph}.plan").stat().st_size
        state = "built now" if record.graph in summary.built else "kept"
        rows.append((record.graph, f"{size / 1e6:.2f}", f"{record.typing}ly", f"{record.build_s:.1f}", state))
    print_tables(console, table(title, ("graph", "plan MB", "typed", "build s", ""), rows))
    for record in summary.records:
        if record.typed_refusal:
            _say(console, f"{record.graph}: weakly typed, since the typed build was refused: {record.typed_refusal}")
    if not summary.timing_cache_kept:
        _say(console, "The timing cache could not be written: the next build measures every kernel again.")
    _say(console, f"Engines: {summary.folder}")


def _launch_line(bundle: Bundle, *, elsewhere: bool) -> str:
    from edge_nt.errors import MissingDependencyError
    from edge_nt.runtime.golden import shipped_tolerances
    from edge_nt.runtime.launch_measure import measure_launches

    if elsewhere:
        return "Launches and golden vectors: not checked, since these engines are not where `edge-nt run` looks"
    try:
        return launch_line(measure_launches(bundle, shipped_tolerances()))
    except MissingDependencyError as error:
        return f"Launches and golden vectors: not checked: {error.got}"


def launch_line(choice: LaunchChoice) -> str:
    """What was measured, the fastest first."""
    timed = sorted((trial.p50_ms, f"{trial.launch} {trial.p50_ms:.2f} ms") for trial in choice.trials if trial.p50_ms)
    refused = [f"{trial.launch} refused: {trial.refused}" for trial in choice.trials if trial.refused]
    return f"Launches, encode + decode: {'; '.join((*(line for _, line in timed), *refused))}"


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
