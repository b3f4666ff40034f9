"""A run: many image files through one bundle into one result folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

from edge_nt.atomic import atomic_folder
from edge_nt.errors import EdgeNtError, InputError
from edge_nt.imaging.decode import decode_image
from edge_nt.runtime.pipeline import Pipeline
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.runtime.sinks import OUTPUT_NAMES, RESULTS_NAME, FinishedFrame, ResultFolder, encode_png

# Finished frames wait here while the disk is slow; a frame in flight costs its picture and about 0.3 MB.
_IN_FLIGHT_PER_JOB = 4


@dataclass(frozen=True)
class FailedFrame:
    """A file that gave no reconstruction, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class RunSummary:
    """What a run did: frames reconstructed, how many of them are out of distribution, files that failed, and the time.

    `total_ms` holds each frame's time in the bundle; `seconds` is the whole run, from the first file to the folder
    that has its name.
    """

    frames: int
    out_of_distribution: int
    failed: tuple[FailedFrame, ...]
    total_ms: tuple[float, ...]
    seconds: float

    @property
    def frames_per_s(self) -> float:
        """Frames reconstructed a second, over the whole run."""
        return self.frames / self.seconds


def run_frames(
    crew: Sequence[Reconstructor],
    files: Sequence[Path],
    out: Path,
    on_frame: Callable[[Path], None] | None = None,
) -> RunSummary:
    """Reconstruct and score every file, writing pictures, latents and one JSON line a frame into the folder `out`.

    Each of `crew` takes the next file in a thread of its own, while this thread writes what is finished, in the order
    of `files`; one alone does one frame after another. A file that cannot be read costs only itself: its line carries
    the error. `out` appears, or replaces the results of an earlier run, when all is written; a killed run leaves `out`
    as it was. `on_frame` is called after each file.

    Raises: InputError when `out` holds anything but an earlier run's results, or cannot be written.
    """
    _refuse_foreign(out)
    start = perf_counter()
    workers = [partial(_finish, reconstructor) for reconstructor in crew]
    in_flight = 1 if len(crew) == 1 else len(crew) * _IN_FLIGHT_PER_JOB
    results: list[tuple[bool, float]] = []
    failed: list[FailedFrame] = []
    try:
        with (
            atomic_folder(out) as folder,
            ResultFolder(folder, crew[0].verdict) as sink,
            Pipeline(workers, files, in_flight) as outcomes,
        ):
            for file, outcome in zip(files, outcomes, strict=True):
                if isinstance(outcome, FinishedFrame):
                    sink.add(outcome)
                    results.append((outcome.result.in_distribution, outcome.result.times.total_ms))
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
    total_ms = tuple(total for _, total in results)
    return RunSummary(len(results), out_of_distribution, tuple(failed), total_ms, perf_counter() - start)


def _finish(reconstructor: Reconstructor, file: Path) -> FinishedFrame | EdgeNtError:
    start = perf_counter()
    try:
        frame = decode_image(file)
        read = perf_counter()
        result = reconstructor(frame)
        reconstructed = perf_counter()
        picture_png = encode_png(result.source_image(), file.name)
    except EdgeNtError as error:
        return error
    return FinishedFrame(
        result,
        picture_png,
        backend=reconstructor.session.backend,
        read_ms=(read - start) * 1e3,
        picture_ms=(perf_counter() - reconstructed) * 1e3,
    )


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
