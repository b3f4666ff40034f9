"""The one way of a frame: offered, decoded and reconstructed beside others, then written in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sinks.sink import FailedFrame, FinishedFrame, Sink, Write
from edge_nt.sources.source import Guard, Offer, unguarded
from edge_nt.stream.pipeline import Pipeline
from edge_nt.stream.unexpected import as_frame_error

# Told of each frame, in order, once it is written.
OnFrame = Callable[[FinishedFrame | FailedFrame], None]
# Told of a write that failed: the name of the sink, and the error.
OnWriteError = Callable[[str, Exception], None]


@dataclass(frozen=True)
class PreparedFrame:
    """A frame with nothing left to do but its writes, one a sink."""

    frame: FinishedFrame
    writes: tuple[Write, ...]
    output_ms: float


def stream(
    crew: Sequence[Reconstructor],
    offers: Iterable[Offer],
    sinks: Sequence[Sink],
    log: ResultLog,
    *,
    in_flight: int,
    on_frame: OnFrame | None = None,
) -> None:
    """Take every offer through one of `crew`, each in a thread of its own, and write it to `sinks`, then to `log`.

    At most `in_flight` offers are taken and not yet written. Sinks and log are entered by the caller. A frame that
    cannot be read or reconstructed costs only itself. `on_frame` is called for each, in order, once it is written.

    Raises: what `offers` or the writing of a sink raises, after the frames that are under way have been let go.
    """
    with frame_pipeline(crew, offers, sinks, in_flight) as outcomes:
        for done in written(outcomes, sinks, log):
            if on_frame is not None:
                on_frame(done)


def frame_pipeline(
    crew: Sequence[Reconstructor],
    offers: Iterable[Offer],
    sinks: Sequence[Sink],
    in_flight: int,
    guard: Guard = unguarded,
) -> Pipeline[Offer, PreparedFrame | FailedFrame]:
    """Everything of a frame that is computed, one thread a reconstructor, inside `guard` where it is one of a file."""
    workers = [partial(_finish, reconstructor, sinks, guard) for reconstructor in crew]
    return Pipeline(workers, offers, in_flight)


def written(
    outcomes: Iterable[PreparedFrame | FailedFrame],
    sinks: Sequence[Sink],
    log: ResultLog,
    on_write_error: OnWriteError | None = None,
) -> Iterator[FinishedFrame | FailedFrame]:
    """Each frame once it is written to all of `sinks`, then to `log`.

    A write that fails is raised; with `on_write_error` it goes there, the other sinks still get the frame, and its line
    names under ``not_written`` those that did not.
    """
    for outcome in outcomes:
        if isinstance(outcome, FailedFrame):
            _write_failure(outcome, sinks, log, on_write_error)
            yield outcome
        else:
            _write(outcome, sinks, log, on_write_error)
            yield outcome.frame


def _finish(
    reconstructor: Reconstructor, sinks: Sequence[Sink], guard: Guard, offer: Offer
) -> PreparedFrame | FailedFrame:
    try:
        with nullcontext() if offer.place is None else guard(offer.place):
            return _prepared(reconstructor, sinks, offer)
    except Exception as error:
        # Not only EdgeNtError: decoders are large libraries that hostile files have made raise cv2.error, struct.error,
        # MemoryError or RecursionError, and on a cart the next frame is worth more than the end of the program. What
        # is no Exception (Ctrl-C, the interpreter's exit) still ends the stream.
        return FailedFrame(offer, as_frame_error(error, offer.name))


def _prepared(reconstructor: Reconstructor, sinks: Sequence[Sink], offer: Offer) -> PreparedFrame:
    start = perf_counter()
    frame = offer.decode()
    read_ms = (perf_counter() - start) * 1e3
    finished = FinishedFrame(offer, frame, reconstructor(frame), reconstructor.session.backend, read_ms)
    reconstructed = perf_counter()
    writes = tuple(sink.prepare(finished) for sink in sinks)
    return PreparedFrame(finished, writes, output_ms=(perf_counter() - reconstructed) * 1e3)


def _write(prepared: PreparedFrame, sinks: Sequence[Sink], log: ResultLog, on_error: OnWriteError | None) -> None:
    said: dict[str, Any] = {}
    lost = []
    for sink, write in zip(sinks, prepared.writes, strict=True):
        words = _attempt(sink, partial(write, log.count), on_error)
        if words is None:
            lost.append(type(sink).__name__)
        else:
            said |= words
    if lost:
        said["not_written"] = lost
    _attempt(log, partial(log.add, prepared.frame, said, prepared.output_ms), on_error)


def _write_failure(failed: FailedFrame, sinks: Sequence[Sink], log: ResultLog, on_error: OnWriteError | None) -> None:
    for sink in sinks:
        _attempt(sink, partial(sink.fail, failed), on_error)
    _attempt(log, partial(log.add_failure, failed), on_error)


def _attempt(
    sink: Sink | ResultLog, write: Callable[[], Mapping[str, Any] | None], on_error: OnWriteError | None
) -> Mapping[str, Any] | None:
    """What the write says; None when it failed and `on_error` has heard of it."""
    try:
        return write() or {}
    except Exception as error:  # A sink's defect, too, must not end a service; `run` has no on_error, and ends.
        if on_error is None:
            raise
        on_error(type(sink).__name__, error)
        return None
