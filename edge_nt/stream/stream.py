"""The one way of a frame: offered, decoded and reconstructed beside others, then written in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from edge_nt.errors import EdgeNtError
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sinks.sink import FailedFrame, FinishedFrame, Sink, Write
from edge_nt.sources.source import Offer
from edge_nt.stream.pipeline import Pipeline


@dataclass(frozen=True)
class _PreparedFrame:
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
    on_frame: Callable[[FinishedFrame | FailedFrame], None] | None = None,
) -> None:
    """Take every offer through one of `crew`, each in a thread of its own, and write it to `sinks`, then to `log`.

    At most `in_flight` offers are taken and not yet written. Sinks and log are entered by the caller. A frame that
    cannot be read or reconstructed costs only itself. `on_frame` is called for each, in order, once it is written.

    Raises: what `offers` or the writing of a sink raises, after the frames that are under way have been let go.
    """
    workers = [partial(_finish, reconstructor, sinks) for reconstructor in crew]
    with Pipeline(workers, offers, in_flight) as outcomes:
        for outcome in outcomes:
            if isinstance(outcome, FailedFrame):
                _write_failure(outcome, sinks, log)
                done: FinishedFrame | FailedFrame = outcome
            else:
                _write(outcome, log)
                done = outcome.frame
            if on_frame is not None:
                on_frame(done)


def _finish(reconstructor: Reconstructor, sinks: Sequence[Sink], offer: Offer) -> _PreparedFrame | FailedFrame:
    start = perf_counter()
    try:
        frame = offer.decode()
        read_ms = (perf_counter() - start) * 1e3
        finished = FinishedFrame(offer, frame, reconstructor(frame), reconstructor.session.backend, read_ms)
        reconstructed = perf_counter()
        writes = tuple(sink.prepare(finished) for sink in sinks)
    except EdgeNtError as error:
        return FailedFrame(offer, error)
    return _PreparedFrame(finished, writes, output_ms=(perf_counter() - reconstructed) * 1e3)


def _write(prepared: _PreparedFrame, log: ResultLog) -> None:
    said: dict[str, object] = {}
    for write in prepared.writes:
        said |= write(log.count)
    log.add(prepared.frame, said, prepared.output_ms)


def _write_failure(failed: FailedFrame, sinks: Sequence[Sink], log: ResultLog) -> None:
    for sink in sinks:
        sink.fail(failed)
    log.add_failure(failed)
