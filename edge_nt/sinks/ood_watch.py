"""The OOD verdict in operation as a sink: the watch and the drift monitor take every frame, in the source's order.

For integrators who have frames of their own, without the stream:

    watch, drift = OodWatch(bundle.ood), DriftMonitor(bundle.sha256)
    result = reconstruct(frame)
    said = watch.update(taken_at_s, result.ood)      # said.state, said.reason, said.smoothed_score, said.p_value
    drift.update(taken_at_s, result.ood, said.state)
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_nt.bundle.read import Bundle
from edge_nt.errors import InputError
from edge_nt.ood.drift import DriftMonitor, DriftState
from edge_nt.ood.drift_record import DriftRecord
from edge_nt.ood.watch import OodState, OodWatch, WatchSettings
from edge_nt.results import read_result, write_result
from edge_nt.sinks.nameless import source_kind
from edge_nt.sinks.sink import FailedFrame, FinishedFrame, Write
from edge_nt.sources.file_ledger import file_digest
from edge_nt.sources.output_folder import DRIFT_MARK
from edge_nt.sources.source import Offer

_log = logging.getLogger(__name__)
# What a power cut may cost the drift monitor.
_SAVE_EVERY_S = 60.0


class OodWatchSink:
    """Gives every line `ood_state`, `ood_since_s`, `ood_smoothed_score`, `ood_smoothed_p_value` and, unless the state
    is ok, `ood_reason`; the frame's own score and p-value stand in the line already.

    A file is a source of its own: its first frame starts the window anew, and it is one examination of the drift
    monitor. That compares a `live` source with its own first examinations, since a camera's frames differ from stored
    scans in more than what drifts, and any other with held-in scans from the start.
    `folder` keeps the monitor in ``drift.json`` across restarts. That of another bundle, or of a source of another kind
    than `source` names (its first word, such as ``camera``), is kept beside it under the first digits of the bundle's
    SHA-256 and that kind, which a warning says, and taken up again once they are back; until then another is begun.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        live: bool,
        folder: Path | None = None,
        settings: WatchSettings | None = None,
        source: str | None = None,
    ) -> None:
        self.watch = OodWatch(bundle.ood, settings)
        self._bundle, self._live, self._folder = bundle, live, folder
        # Not its name: that of a replay is that of a file, which may be a patient's.
        self._source_kind = None if source is None else source_kind(source)
        self._origin: tuple[str, Path | None] | None = None
        self._saved_at_s: float | None = None
        self._state: OodState | None = None
        self.drift = DriftMonitor(bundle.sha256, None if live else bundle.ood.held_in)

    def __enter__(self) -> OodWatchSink:
        """Take up the monitor of an earlier process. Raises: InputError for a file that no monitor wrote."""
        record = None if self._folder is None else self._earlier(self._folder)
        if record is not None:
            self.drift = DriftMonitor.restored(record)
            self._source_kind = self._source_kind or record.source_kind
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Save, whatever ended the stream: what was seen was seen."""
        self._save()

    @property
    def state(self) -> OodState | None:
        """What was said of the last frame; None before the first."""
        return self._state

    @property
    def drift_state(self) -> DriftState:
        """What the drift monitor says."""
        return self.drift.state

    def prepare(self, frame: FinishedFrame) -> Write:
        """Nothing to compute beside other frames: the states follow from the order."""

        def write(_number: int) -> Mapping[str, Any]:
            self._begin_source(frame.offer)
            said = self.watch.update(frame.offer.taken_at_s, frame.result.ood)
            # Not its path: the monitor keeps the name on disk, and a file's may be a patient's.
            exam = None if frame.offer.place is None else file_digest(frame.offer.place).hex()
            self.drift.update(frame.offer.taken_at_s, frame.result.ood, said.state, exam)
            self._after(frame.offer.taken_at_s, said)
            return _words(said)

        return write

    def fail(self, failed: FailedFrame) -> None:
        """A frame without a score: it is counted, and after a while of nothing else the state is no longer ok."""
        self._begin_source(failed.offer)
        said = self.watch.without_score(failed.offer.taken_at_s)
        self.drift.fail(failed.offer.taken_at_s)
        self._after(failed.offer.taken_at_s, said)

    def _earlier(self, folder: Path) -> DriftRecord | None:
        """The record in the folder's drift.json, or of this bundle and kind the one put aside, which becomes that."""
        path, own = folder / DRIFT_MARK, self._bundle.sha256
        if path.exists():
            record = read_result(path, DriftRecord)
            if self._fits(record):
                return record
            aside = folder / _aside_name(record.model, record.source_kind)
            path.replace(aside)
            what = "a source of another kind" if record.model == own else "another bundle"
            _log.warning("the drift standard of %s is kept as %s until that is back", what, aside)
        # Records of before say nothing of their source.
        for aside in (folder / _aside_name(own, self._source_kind), folder / _aside_name(own, None)):
            kept = self._kept(aside)
            if kept is not None:
                # Moved, so that there is one of each; whoever wants a new standard removes both.
                aside.replace(path)
                _log.warning("drift is compared with the standard that was kept as %s", aside)
                return kept
        return None

    def _kept(self, path: Path) -> DriftRecord | None:
        """A record that was put aside, where it is there and fits; a damaged one costs only itself."""
        if not path.exists():
            return None
        try:
            record = read_result(path, DriftRecord)
        except InputError as error:
            _log.warning("a drift standard that was put aside cannot be taken up: %s", error)
            return None
        return record if self._fits(record) else None

    def _fits(self, record: DriftRecord) -> bool:
        one_kind = self._source_kind is None or record.source_kind in (None, self._source_kind)
        return record.model == self._bundle.sha256 and one_kind

    def _begin_source(self, offer: Offer) -> None:
        origin = offer.source, None if offer.place is None else offer.place.path
        if self._origin is not None and origin != self._origin:
            self.watch.restart()
        self._origin = origin

    def _after(self, taken_at_s: float, said: OodState) -> None:
        self._state = said
        # Abs: a clock that was set back must not keep the file unsaved until it has caught up.
        if self._saved_at_s is None or abs(taken_at_s - self._saved_at_s) >= _SAVE_EVERY_S:
            # First the time: a full disk is tried again in a minute, not at every frame.
            self._saved_at_s = taken_at_s
            self._save()

    def _save(self) -> None:
        if self._folder is not None:
            write_result(self._folder / DRIFT_MARK, replace(self.drift.record(), source_kind=self._source_kind))


def _aside_name(model: str, source_kind: str | None) -> str:
    # What a file says becomes no path.
    words = [word for word in (model[:12], source_kind or "") if word.isalnum()]
    return "-".join(("drift", *words)) + ".json"


def _words(said: OodState) -> dict[str, Any]:
    words = {
        "ood_state": said.state,
        "ood_since_s": said.since_s,
        "ood_smoothed_score": said.smoothed_score,
        "ood_smoothed_p_value": said.smoothed_p_value,
    }
    return {**words, "ood_reason": said.reason} if said.reason else words
