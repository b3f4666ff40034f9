"""A run: the frames of a source that ends through one bundle into one result folder."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from edge_nt.atomic import atomic_folder
from edge_nt.errors import InputError
from edge_nt.imaging.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sinks.result_log import RESULTS_NAME, ResultLog
from edge_nt.sinks.sink import FailedFrame, FinishedFrame
from edge_nt.sources.image_files import image_files
from edge_nt.sources.source import Source
from edge_nt.stream.outputs import OUTPUT_NAMES, Outputs, cannot_strip, named_as_asked, sinks_of
from edge_nt.stream.stream import OnFrame, stream

# Finished frames wait here while the disk is slow; a frame in flight costs its picture and about 0.3 MB.
_IN_FLIGHT_PER_JOB = 4
_OUTPUTS = Outputs()


@dataclass(frozen=True)
class RunSummary:
    """What a run did: frames reconstructed, how many of them are out of distribution, how many failed, and the time.

    `first_failed` is the first that failed: all of them would hold on to their pixels. `seconds` is the whole run, from
    the first file to the folder that has its name. `cannot_strip` says what de-identification left, None where it was
    not asked for.
    """

    frames: int
    out_of_distribution: int
    failed: int
    first_failed: FailedFrame | None
    seconds: float
    cannot_strip: str | None

    @property
    def frames_per_s(self) -> float:
        """Frames reconstructed a second, over the whole run."""
        return self.frames / self.seconds


def input_files(inputs: Sequence[Path], out: Path) -> tuple[Path, ...]:
    """The files of a run into `out`, in order, folders searched for images and videos, but not for what `out` holds.

    Raises: InputError as `image_files` and, for `out`, `run_frames` do.
    """
    _refuse_foreign(out)
    return image_files(inputs, out, IMAGE_SUFFIXES | VIDEO_SUFFIXES)


class _Tally:
    """What a summary needs of frames that are gone."""

    def __init__(self, on_frame: OnFrame | None) -> None:
        self._on_frame = on_frame
        self._done = self._outside = self._failed = 0
        self._first_failed: FailedFrame | None = None

    def add(self, frame: FinishedFrame | FailedFrame) -> None:
        if isinstance(frame, FinishedFrame):
            self._done += 1
            self._outside += not frame.result.in_distribution
        else:
            self._failed += 1
            self._first_failed = self._first_failed or frame
        if self._on_frame is not None:
            self._on_frame(frame)

    def summary(self, seconds: float, left: str | None) -> RunSummary:
        return RunSummary(self._done, self._outside, self._failed, self._first_failed, seconds, left)


def run_frames(
    crew: Sequence[Reconstructor],
    source: Source,
    out: Path,
    outputs: Outputs = _OUTPUTS,
    on_frame: OnFrame | None = None,
) -> RunSummary:
    """Reconstruct and score every frame of `source`, writing `outputs` and one JSON line a frame into the folder `out`.

    Each of `crew` takes the next frame in a thread of its own, while this thread writes what is finished, in the order
    of the source; one alone does one frame after another. A frame that cannot be read costs only itself: its line
    carries the error. `out` appears, or replaces the results of an earlier run, when all is written; a killed run
    leaves `out` as it was. `on_frame` is called after each frame.

    Raises: InputError when `out` holds anything but an earlier run's results, or cannot be written.
    """
    _refuse_foreign(out)
    start, tally = perf_counter(), _Tally(on_frame)
    try:
        with atomic_folder(out) as folder, ExitStack() as stack:
            log = stack.enter_context(ResultLog(folder, crew[0].verdict, bundle=crew[0].bundle.sha256))
            sinks = sinks_of(outputs, folder, crew[0], live=False)
            for sink in sinks:
                stack.enter_context(sink)
            in_flight = 1 if len(crew) == 1 else len(crew) * _IN_FLIGHT_PER_JOB
            stream(crew, named_as_asked(outputs, source).offers(), sinks, log, in_flight=in_flight, on_frame=tally.add)
    except OSError as error:
        raise InputError(
            expected=f"a folder {out} that can be written",
            got=str(error),
            fix="make room, or choose a folder you may write to",
        ) from error
    return tally.summary(perf_counter() - start, cannot_strip(outputs, sinks))


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
