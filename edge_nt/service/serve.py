"""`edge-nt serve` from a loaded bundle to its end: source, sinks, HTTP and signals around one service."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import FrameType

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.service.http_server import Address, HttpServer
from edge_nt.service.routes import service_routes
from edge_nt.service.sd_notify import Notifier
from edge_nt.service.service import Service
from edge_nt.service.web import Web
from edge_nt.sinks.log_segments import LogLimits
from edge_nt.sinks.ood_watch import OodWatchSink
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sources.output_folder import refuse_foreign
from edge_nt.sources.source import FilePlace, Source
from edge_nt.sources.source_spec import open_source
from edge_nt.sources.spec_options import folder_of, parted
from edge_nt.stream.file_guard import FileGuard
from edge_nt.stream.live_run import LiveSummary
from edge_nt.stream.outputs import Outputs, cannot_strip, named_as_asked, sinks_of

_log = logging.getLogger(__name__)
# A live source should not wait for a slow disk at every line; a folder's files are done again after a power cut.
_LIVE_SYNC_S = 1.0


@dataclass(frozen=True)
class ServeSettings:
    """What to serve: frames of the `source` that is specified, into the folder `out`, told at `address`.

    `page` False leaves metrics and probes alone. `host_names` are names of this machine that browsers may use.
    """

    source: str
    out: Path
    address: Address
    outputs: Outputs
    page: bool = True
    host_names: tuple[str, ...] = ()
    stalled_after_s: float = 5.0

    def __post_init__(self) -> None:
        if not 0 < self.stalled_after_s < float("inf"):
            raise InputError(
                expected="seconds above 0 as --stalled-after", got=f"{self.stalled_after_s:g}", fix="leave it out"
            )
        kind, place, _ = parted(self.source)
        # Before anything is written there: what a service leaves would make it no input for ever.
        if kind != "camera" and os.path.realpath(place) == os.path.realpath(self.out):
            raise InputError(
                expected="results in another folder than the source",
                got=f"{self.out} as both",
                fix="name another --out",
            )


def serve(crew: Sequence[Reconstructor], settings: ServeSettings) -> tuple[LiveSummary, bool]:
    """Run until the source ends or a signal comes; returns how it ended, and whether that was Ctrl-C.

    In the main thread only, because of the signals. Raises: InputError and MissingDependencyError for what cannot be
    had, and the latter for a source that is lost on the way.
    """
    bundle, notifier, began = crew[0].bundle, Notifier(), Event()
    with _no_wrong_option_once(began), ExitStack() as stack:
        source, log, guard = _source_and_log(settings, crew)
        # Entered first, because another process that writes here is found out by it.
        stack.enter_context(log)
        stack.enter_context(guard)
        watch = stack.enter_context(OodWatchSink(bundle, live=source.live, folder=settings.out, source=source.name))
        sinks = sinks_of(settings.outputs, settings.out, crew[0], live=True)
        for sink in sinks:
            stack.enter_context(sink)
        service = Service(
            *(crew, source, watch, sinks, log),
            out=settings.out,
            stalled_after_s=settings.stalled_after_s,
            guard=guard,
        )
        web = Web(service_routes(service, page=settings.page), settings.host_names)
        server = stack.enter_context(HttpServer(web, settings.address))
        came = stack.enter_context(_stopped_by_signals(service))
        _say_start(crew, source, server.address, settings)
        service.warm_up()
        began.set()
        summary = service.run(notifier)
    _say_end(summary, log)
    left = cannot_strip(settings.outputs, sinks)
    if left is not None:
        _log.warning("%s", left)
    return summary, signal.SIGINT in came


@contextmanager
def _no_wrong_option_once(began: Event) -> Iterator[None]:
    """What a sink cannot write at its end, as on a full disk, is no wrong option: systemd may start it again."""
    try:
        yield
    except InputError as error:
        if not began.is_set():
            raise
        raise MissingDependencyError(expected=error.expected, got=error.got, fix=error.fix) from error


def _source_and_log(settings: ServeSettings, crew: Sequence[Reconstructor]) -> tuple[Source, ResultLog, FileGuard]:
    refuse_foreign(settings.out, folder_of(settings.source))
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            expected="a folder to write to as --out", got=str(error), fix="choose one that this user may write to"
        ) from error

    def done(place: FilePlace) -> bool:
        # Asked by the source once it runs, when the log is open.
        return log.done(place)

    guard = FileGuard(settings.out, len(crew), named=not settings.outputs.deidentify)
    source = named_as_asked(settings.outputs, open_source(settings.source, done, guard.opening))
    limits = LogLimits(sync_every_s=_LIVE_SYNC_S if source.live else 0.0)
    log = ResultLog(settings.out, crew[0].verdict, limits, bundle=crew[0].bundle.sha256)
    return source, log, guard


@contextmanager
def _stopped_by_signals(service: Service) -> Iterator[list[int]]:
    """SIGTERM and Ctrl-C stop the service, a second one kills it; SIGHUP does nothing. Yields those that came."""
    came: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        came.append(number)
        service.stop()
        signal.signal(number, signal.SIG_DFL)

    # A terminal that is closed must not end a service; there is nothing to read anew.
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_start(crew: Sequence[Reconstructor], source: Source, address: Address, settings: ServeSettings) -> None:
    manifest = crew[0].bundle.manifest
    _log.info("research use only; not a medical device")
    _log.info(
        "bundle: %s, %s, %s jobs; verdict: %s", manifest.structure, manifest.precision, len(crew), crew[0].admission
    )
    if manifest.synthetic:
        _log.warning("this bundle was trained on SYNTHETIC phantoms: its scores say nothing about patients")
    what = "page, metrics and probes" if settings.page else "metrics and probes"
    _log.info("source: %s; results: %s; %s: http://%s/", source.name, settings.out, what, address)
    if not address.loopback:
        _log.warning("anybody who reaches %s sees what this service sees: nothing here asks who is calling", address)


def _say_end(summary: LiveSummary, log: ResultLog) -> None:
    counts, before = summary.counts, log.files_passed_over
    _log.info(
        "ended after %.0f s: %d offered, %d dropped, %d done, %d failed, %d write errors%s",
        *(summary.seconds, counts.offered, counts.dropped, counts.done, counts.failed, counts.write_errors),
        f"; files done before, wholly or in part: {before}" if before else "",
    )
