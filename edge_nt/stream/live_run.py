"""A stream that runs until it is told to stop: a frame or a write that fails is counted and said, and it goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Lock, Thread
from time import perf_counter

from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sinks.sink import FailedFrame, FinishedFrame, Sink
from edge_nt.sources.source import Guard, Offer, Source, unguarded
from edge_nt.stream.intake import Intake
from edge_nt.stream.pipeline import Pipeline
from edge_nt.stream.stream import OnFrame, PreparedFrame, frame_pipeline, written
from edge_nt.stream.unexpected import type_name
from edge_nt.stream.write_errors import WriteErrors

# Offers of a live source that wait for a free job. Overloaded, a frame is at most this many frame times old when it is
# taken, 133 ms at 30 fps; otherwise so long may all jobs stall before a frame is dropped.
WAITING = 4
# Frames behind a slow one (or before a slow disk), beside one a job: 0.4 s at 30 fps cost no frame.
BEHIND_SLOW_FRAME = 12
# Of the second that a stop may take; the rest is for leaving the sinks and for the interpreter.
_STOP_S = 0.7


def default_in_flight(jobs: int) -> int:
    """How many frames are taken and not yet written: one a job, and those that wait behind a slow one."""
    return jobs + BEHIND_SLOW_FRAME


@dataclass(frozen=True)
class StreamCounts:
    """Where every frame of a live run is, all at one moment.

    `offered` is `taken` + `dropped` + `waiting`; `taken` is `done` + `failed` + `under_way`. `done` frames were
    reconstructed and went to the sinks, `failed` ones could not be read or reconstructed; `write_errors` counts writes
    of one sink that failed.
    """

    offered: int
    taken: int
    dropped: int
    waiting: int
    done: int
    failed: int
    under_way: int
    write_errors: int


@dataclass(frozen=True)
class LiveSummary:
    """How a live run ended: its counts, how long it ran, and whether it was told to stop.

    Frames still `under_way` did not come back in the time that a stop may take, and were written nowhere; with
    `source_stuck` the source did not.
    """

    counts: StreamCounts
    seconds: float
    stopped: bool
    source_stuck: bool


class LiveRun:
    """Takes frames of `source` through `crew` into `sinks` and `log`, all of which the caller has entered.

    Of a live source the newest frames win and the others are counted as dropped: at most `waiting` wait for a job. Any
    other source is made to wait, so that every frame is taken. At most `in_flight` frames are taken and not yet
    written; by default one a job and 12 more, which wait behind a slow one.

    A write that fails is counted and said to `say` (by default a warning of the logger ``edge_nt``), and the stream
    goes on. `on_frame` is called for each frame, in order, once it is written. `guard` is entered for what a job does
    with a frame of a file (`FileGuard.computing`).
    """

    def __init__(
        self,
        crew: Sequence[Reconstructor],
        source: Source,
        sinks: Sequence[Sink],
        log: ResultLog,
        *,
        waiting: int = WAITING,
        in_flight: int | None = None,
        say: Callable[[str], None] = logging.getLogger("edge_nt").warning,
        on_frame: OnFrame | None = None,
        guard: Guard = unguarded,
    ) -> None:
        self._sinks = sinks
        self._log = log
        self._source = source
        self._say = say
        self._on_frame = on_frame
        self._intake = Intake(source, waiting if source.live else 1)
        in_flight = default_in_flight(len(crew)) if in_flight is None else in_flight
        self._pipeline: Pipeline[Offer, PreparedFrame | FailedFrame] = frame_pipeline(
            crew, self._intake, sinks, in_flight, guard
        )
        self._write_errors = WriteErrors(say)
        self._counting = Lock()
        self._done = self._failed = 0
        # The one queue that a signal handler may put into whatever the thread below it holds.
        self._stop_asked: SimpleQueue[bool] = SimpleQueue()
        self._stopped = False
        self._finished = Event()

    def run(self) -> LiveSummary:
        """Run until the source ends or `stop` is called, and everything taken is written; once.

        Raises: what the source raised, when it was lost before anybody stopped it, after the frames it gave before are
        written.
        """
        start = perf_counter()
        stopper = Thread(target=self._stop_when_asked, name="stop", daemon=True)
        stopper.start()
        try:
            with self._pipeline, self._intake:
                for frame in written(self._pipeline, self._sinks, self._log, self._write_errors.add):
                    self._count(frame)
        finally:
            self._finished.set()
            self._stop_asked.put(False)
            stopper.join()
        self._tell_of_the_source()
        return LiveSummary(self.counts(), perf_counter() - start, self._stopped, self._intake.stuck)

    def stop(self) -> None:
        """End the run within a second, with everything taken written; from any thread or a signal handler, repeatedly.

        A source or a frame that does not come back in that time is left behind, and said so.
        """
        self._stop_asked.put(True)

    def counts(self) -> StreamCounts:
        """Where every frame is now; from any thread."""
        with self._counting:
            offers = self._intake.counts()
            return StreamCounts(
                offered=offers.offered,
                taken=offers.taken,
                dropped=offers.dropped,
                waiting=offers.waiting,
                done=self._done,
                failed=self._failed,
                under_way=offers.taken - self._done - self._failed,
                write_errors=self._write_errors.count,
            )

    def _count(self, frame: FinishedFrame | FailedFrame) -> None:
        with self._counting:
            if isinstance(frame, FinishedFrame):
                self._done += 1
            else:
                self._failed += 1
        if self._on_frame is not None:
            self._on_frame(frame)

    def _stop_when_asked(self) -> None:
        if not self._stop_asked.get():
            return
        self._stopped = True
        self._intake.stop()
        if self._finished.wait(_STOP_S):
            return
        self._intake.give_up()
        self._pipeline.abandon()

    def _tell_of_the_source(self) -> None:
        failure = self._intake.failure
        if failure is not None and not self._stopped:
            raise failure
        if failure is not None:
            self._say(f"{self._source.name} failed while it stopped: {type_name(failure)}: {failure}")
        if self._intake.stuck:
            self._say(f"{self._source.name} did not stop in time, and was left behind")
        under_way = self.counts().under_way
        if under_way:
            self._say(f"{under_way} frames did not come back in time, and were written nowhere")
