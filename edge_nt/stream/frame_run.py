"""A run: many image files through one bundle into one result folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from edge_nt.atomic import atomic_folder
from edge_nt.errors import InputError
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sinks.latents import LATENTS_NAME, Latents
from edge_nt.sinks.pictures import PICTURES_NAME, Pictures
from edge_nt.sinks.result_log import RESULTS_NAME, ResultLog
from edge_nt.sinks.sink import FailedFrame, FinishedFrame, Sink
from edge_nt.sources.files import FileSource
from edge_nt.stream.stream import stream

OUTPUT_NAMES = frozenset({RESULTS_NAME, LATENTS_NAME, PICTURES_NAME})
# Finished frames wait here while the disk is slow; a frame in flight costs its picture and about 0.3 MB.
_IN_FLIGHT_PER_JOB = 4


@dataclass(frozen=True)
class RunSummary:
    """What a run did: frames reconstructed, how many of them are out of distribution, frames that failed, and the time.

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
    on_frame: Callable[[FinishedFrame | FailedFrame], None] | None = None,
) -> RunSummary:
    """Reconstruct and score every file, writing pictures, latents and one JSON line a frame into the folder `out`.

    Each of `crew` takes the next file in a thread of its own, while this thread writes what is finished, in the order
    of `files`; one alone does one frame after another. A file that cannot be read costs only itself: its line carries
    the error. `out` appears, or replaces the results of an earlier run, when all is written; a killed run leaves `out`
    as it was. `on_frame` is called after each frame.

    Raises: InputError when `out` holds anything but an earlier run's results, or cannot be written.
    """
    _refuse_foreign(out)
    start = perf_counter()
    done: list[tuple[bool, float]] = []
    failed: list[FailedFrame] = []

    def count(frame: FinishedFrame | FailedFrame) -> None:
        if isinstance(frame, FinishedFrame):
            done.append((frame.result.in_distribution, frame.result.times.total_ms))
        else:
            failed.append(frame)
        if on_frame is not None:
            on_frame(frame)

    try:
        with atomic_folder(out) as folder, ExitStack() as stack:
            log = stack.enter_context(ResultLog(folder, crew[0].verdict))
            sinks: tuple[Sink, ...] = (Pictures(folder), Latents(folder))
            for sink in sinks:
                stack.enter_context(sink)
            in_flight = 1 if len(crew) == 1 else len(crew) * _IN_FLIGHT_PER_JOB
            stream(crew, FileSource(files).offers(), sinks, log, in_flight=in_flight, on_frame=count)
    except OSError as error:
        raise InputError(
            expected=f"a folder {out} that can be written",
            got=str(error),
            fix="make room, or choose a folder you may write to",
        ) from error
    out_of_distribution = sum(not inside for inside, _ in done)
    total_ms = tuple(total for _, total in done)
    return RunSummary(len(done), out_of_distribution, tuple(failed), total_ms, perf_counter() - start)


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
