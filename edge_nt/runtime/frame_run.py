"""A run: many image files through one bundle into one result folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_nt.atomic import atomic_folder
from edge_nt.errors import EdgeNtError, InputError
from edge_nt.runtime.reconstruction import Reconstruction
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.runtime.sinks import OUTPUT_NAMES, RESULTS_NAME, ResultFolder


@dataclass(frozen=True)
class FailedFrame:
    """A file that gave no reconstruction, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class RunSummary:
    """What a run did: frames reconstructed, how many of them are out of distribution, and files that failed."""

    frames: int
    out_of_distribution: int
    failed: tuple[FailedFrame, ...]
    total_ms: tuple[float, ...]


def run_frames(
    reconstructor: Reconstructor,
    files: Sequence[Path],
    out: Path,
    on_frame: Callable[[Path], None] | None = None,
) -> RunSummary:
    """Reconstruct and score every file, writing pictures, latents and one JSON line a frame into the folder `out`.

    A file that cannot be read costs only itself: its line carries the error. `out` appears, or replaces the results
    of an earlier run, when all is written; a killed run leaves `out` as it was. `on_frame` is called after each file.

    Raises: InputError when `out` holds anything but an earlier run's results, or cannot be written.
    """
    _refuse_foreign(out)
    results: list[tuple[bool, float]] = []
    failed: list[FailedFrame] = []
    try:
        with atomic_folder(out) as folder, ResultFolder(folder) as sink:
            for file in files:
                outcome = _reconstruct(reconstructor, file)
                if isinstance(outcome, Reconstruction):
                    sink.add(outcome)
                    results.append((outcome.in_distribution, outcome.times.total_ms))
                else:
                    sink.add_error(str(file), outcome)
                    failed.append(FailedFrame(str(file), str(outcome)))
                if on_frame is not None:
                    on_frame(file)
    except OSError as error:
        raise InputError(
            expected=f"a folder {out} that can be written",
            got=str(error),
            fix="make room, or choose a folder you may write to",
        ) from error
    out_of_distribution = sum(not inside for inside, _ in results)
    return RunSummary(len(results), out_of_distribution, tuple(failed), tuple(total for _, total in results))


def _reconstruct(reconstructor: Reconstructor, file: Path) -> Reconstruction | EdgeNtError:
    try:
        return reconstructor.score_file(file)
    except EdgeNtError as error:
        return error


def _refuse_foreign(out: Path) -> None:
    # The whole folder is replaced at the end, so it must be nobody else's.
    if not out.exists():
        return
    names = {entry.name for entry in out.iterdir()} if out.is_dir() else {out.name}
    if names and (RESULTS_NAME not in names or names - OUTPUT_NAMES):
        raise InputError(
            expected="a new or empty folder, or one that an earlier run wrote, as --out",
            got=f"{out} with {', '.join(sorted(names - OUTPUT_NAMES)[:3]) or 'part of a run'} in it",
            fix="name another folder",
        )
