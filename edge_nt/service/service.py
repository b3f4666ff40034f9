"""A live run as a service: warmed up before it is ready, watched while it runs, stopped with everything written."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

from edge_nt.errors import EdgeNtError, MissingDependencyError
from edge_nt.imaging.frame import Frame
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.service.beat import Beat
from edge_nt.service.device_watch import DeviceWatch
from edge_nt.service.metrics import Metrics
from edge_nt.service.pulse import Pulse
from edge_nt.service.recent import Recent
from edge_nt.service.sd_notify import Notifier
from edge_nt.service.snapshot import Phase, Snapshot, SourceFacts, bundle_facts
from edge_nt.sinks.ood_watch import OodWatchSink
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sinks.sink import FailedFrame, FinishedFrame, Sink
from edge_nt.sources.source import Source, as_text, unguarded
from edge_nt.stream.file_guard import FileGuard
from edge_nt.stream.live_run import LiveRun, LiveSummary

_log = logging.getLogger(__name__)
# The first calls of a session allocate, and choose kernels.
_WARM_UP_ROUNDS = 2
_BEAT_S = 0.25


class Service:
    """One live run, and what can be asked of it while it runs; watch, sinks and log are entered by the caller.

    Frames go to the OOD `watch`, then to `sinks`. `out` is the folder whose disk counts. A live source that gives no
    frame for `stalled_after_s` makes the service not ready, which is no end: that is up to the source. `guard`, entered
    by the caller too, is that of the source's files.
    """

    def __init__(
        self,
        crew: Sequence[Reconstructor],
        source: Source,
        watch: OodWatchSink,
        sinks: Sequence[Sink],
        log: ResultLog,
        *,
        out: Path,
        stalled_after_s: float = 5.0,
        guard: FileGuard | None = None,
    ) -> None:
        self._crew = crew
        self._source = SourceFacts(as_text(source.name), source.live)
        self._watch = watch
        self._bundle = bundle_facts(crew)
        reading_s = (lambda: 0.0) if guard is None else guard.reading_s
        self._pulse = Pulse(live=source.live, stalled_after_s=stalled_after_s, reading_s=reading_s)
        self._device = DeviceWatch(out)
        self._started_at_s = time.time()
        self._phase: Phase = "warming up"
        self._out_of_distribution = 0
        self._live = LiveRun(
            *(crew, source, (watch, *sinks), log),
            say=_log.warning,
            on_frame=self._on_frame,
            guard=unguarded if guard is None else guard.computing,
        )
        self._summary: LiveSummary | None = None
        self._failure: Exception | None = None
        self.recent = Recent()
        self.metrics = Metrics(self.snapshot)

    def warm_up(self) -> None:
        """Take the golden frames through every job, so that the first frame of the source is as fast as any.

        Raises: InputError when the graphs give NaN or infinity for them.
        """
        with ThreadPoolExecutor(len(self._crew)) as jobs:
            list(jobs.map(self._warm_up_one, self._crew))

    def run(self, notifier: Notifier) -> LiveSummary:
        """Run until the source ends or `stop` is called. Raises: MissingDependencyError when the source is lost."""
        if self._phase == "warming up":
            self._phase = "running"
        self._pulse.start()
        stream = Thread(target=self._stream, name="stream", daemon=True)
        stream.start()
        notifier.ready()
        beat = Beat(notifier, self._pulse, self._live.counts)
        while stream.is_alive():
            beat(stopping=self._phase == "stopping")
            stream.join(_BEAT_S)
        beat(stopping=True)
        if self._summary is None:
            raise _lost(self._source.name, self._failure)
        return self._summary

    def stop(self) -> None:
        """End `run`, or the warm-up before it, within a second; from any thread or a signal handler, repeatedly."""
        self._phase = "stopping"
        self._live.stop()

    def snapshot(self) -> Snapshot:
        """The service now; from any thread."""
        counts, newest, stalled = self._live.counts(), self.recent.newest, self.not_ready()
        return Snapshot(
            at_s=time.time(),
            started_at_s=self._started_at_s,
            phase=self._phase,
            not_ready=stalled,
            bundle=self._bundle,
            source=self._source,
            counts=counts,
            out_of_distribution=self._out_of_distribution,
            last_frame_at_s=None if newest is None else newest.written_at_s,
            ood_threshold=self._crew[0].bundle.ood.threshold,
            # What was said of the last frame says nothing of now when no frames come.
            ood=self._watch.state if stalled is None else None,
            drift=self._watch.drift_state,
            device=self._device.now(),
        )

    def not_ready(self) -> str | None:
        """Why the service is not ready: its phase, or why no frames come; None when it is ready."""
        return self._phase if self._phase != "running" else self._pulse.stalled(self._live.counts().under_way)

    def _warm_up_one(self, reconstruct: Reconstructor) -> None:
        for _ in range(_WARM_UP_ROUNDS):
            for pixels in reconstruct.bundle.golden.frames:
                if self._phase == "stopping":
                    return
                reconstruct(Frame(pixels, "golden frame"))

    def _stream(self) -> None:
        try:
            self._summary = self._live.run()
        except Exception as failure:  # Told by `run`, in the thread that the program ends with.
            self._failure = failure

    def _on_frame(self, frame: FinishedFrame | FailedFrame) -> None:
        self._pulse.frame(done=isinstance(frame, FinishedFrame))
        if isinstance(frame, FailedFrame):
            self.recent.add_failure(frame)
            _log.warning("frame failed: %s: %s", frame.offer.name, frame.error)
            return
        self._out_of_distribution += not frame.result.in_distribution
        ood, before = self._watch.state, self.recent.newest_state
        # None only where the watch itself could not be written, which is said as a write error.
        state = "unknown" if ood is None else ood.state
        self.metrics.observe(self.recent.add(frame, state))
        if state != before:
            level = logging.INFO if state == "ok" else logging.WARNING
            reason = f" ({ood.reason})" if ood is not None and ood.reason else ""
            _log.log(level, "OOD state: %s%s", state, reason)


def _lost(source: str, failure: Exception | None) -> EdgeNtError:
    # Exit code 3 whatever the error was: what was there a moment ago is missing now, so that starting again may help.
    if isinstance(failure, EdgeNtError):
        return MissingDependencyError(expected=failure.expected, got=failure.got, fix=failure.fix)
    _log.error("the stream of %s met a defect", source, exc_info=failure)
    return MissingDependencyError(
        expected=f"{source} to go on", got=repr(failure), fix="report this as a defect of edge-nt, with the log"
    )
