"""A folder that files arrive in: each is taken once it is wholly written, and never twice, across restarts too."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from types import ModuleType

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.imaging.crop import Crop
from edge_nt.imaging.frame import Frame
from edge_nt.sources.files import offers_of, place_of
from edge_nt.sources.output_folder import DECODED_MARK, LOCK_MARK, OUTPUT_MARK, is_output
from edge_nt.sources.pending_files import PendingFiles
from edge_nt.sources.source import FilePlace, Guard, Offer, unguarded
from edge_nt.sources.stop_flag import StopFlag

_log = logging.getLogger(__name__)
# How long changes are gathered, and how often files that were not ready are looked at again.
_TICK_MS, _STEP_MS = 100, 50
# Looking at every file again takes at most a twentieth of the time.
_SCAN_SHARE = 20


@dataclass(frozen=True)
class WatchSettings:
    """When a file counts as whole, and how changes are noticed.

    `settle_s`: so long must size and time of writing stand still. `give_up_s`: after so long a file that is still not
    whole is taken as broken. `poll_s`: look at all files so often instead of being told by the system, for network
    drives, which do not tell. `scan_s`: being told, look at all files so often nevertheless.
    Raises: InputError for times that are not above 0, or a `give_up_s` below `settle_s`.
    """

    settle_s: float = 0.5
    give_up_s: float = 30.0
    poll_s: float | None = None
    scan_s: float = 30.0

    def __post_init__(self) -> None:
        times = (self.settle_s, self.give_up_s, self.scan_s, 1.0 if self.poll_s is None else self.poll_s)
        if not all(0 < time < float("inf") for time in times) or self.give_up_s < self.settle_s:
            raise InputError(
                expected="times above 0 s, giving up no sooner than settling",
                got=f"settle {self.settle_s:g}, give up {self.give_up_s:g}, poll {self.poll_s}, scan {self.scan_s:g}",
                fix="correct them",
            )


class WatchedFolder:
    """Every frame of every file in and below a folder, those that are there and those that come, until it is stopped.

    `done` says which frames an earlier process has finished (`ResultLog.done`); `guard` is entered for each frame
    that is read from its file. Not live: files wait in their folder.
    Raises: InputError when there is no such folder.
    """

    live = False

    def __init__(
        self,
        folder: Path,
        done: Callable[[FilePlace], bool],
        settings: WatchSettings = WatchSettings(),
        crop: Crop = "frame",
        guard: Guard = unguarded,
    ) -> None:
        if not folder.is_dir():
            raise InputError(expected="a folder to watch", got=f"no folder {folder}", fix="create it, or name another")
        # A restart from another working folder has to know the files again.
        self._folder = folder.resolve() if ".." in folder.parts else folder.absolute()
        self.name = f"folder {self._folder}"
        self._done = done
        self._settings = settings
        self._crop: Crop = crop
        self._guard = guard
        self._stop = StopFlag()
        self._lost = False

    def stop(self) -> None:
        """Give no further frame."""
        self._stop.set()

    def offers(self) -> Iterator[Offer]:
        """One offer a frame of each file, once it is whole; a broken file is one offer, whose decoding says why.

        Raises: MissingDependencyError without watchfiles; InputError when the system cannot watch so many folders, or
        for a folder that results are written to.
        """
        if is_output(self._folder):
            raise InputError(
                expected="a folder to watch that no results are written to",
                got=f"{self._folder} with {OUTPUT_MARK}, {LOCK_MARK} or {DECODED_MARK} in it",
                fix="choose another folder for the results, such as one beside it, or clear away what was written here",
            )
        pending = PendingFiles(self._folder, self._done, self._settings.settle_s, self._settings.give_up_s)
        for _ in self._looks(pending):
            for place in pending.ready():
                yield from self._frames(place)
                if self._stop.is_set():
                    return

    def _frames(self, file: FilePlace) -> Iterator[Offer]:
        """One is held back, since only the next one tells that it was not the last: containers of videos guess."""
        held: Offer | None = None
        for offer in offers_of(self.name, file.path, self._crop, self._guard):
            if self._stop.is_set():
                return
            if held is not None:
                yield from self._unless_done(held, last=False)
            place = replace(offer.place or file, path=file.path)
            held = replace(offer, place=replace(place, size_bytes=file.size_bytes, modified_ns=file.modified_ns))
        if held is not None:
            yield from self._unless_done(held, last=True)

    def _unless_done(self, offer: Offer, *, last: bool) -> Iterator[Offer]:
        place = offer.place
        if place is None or self._stop.is_set():
            return
        number = place.frame + 1
        if last or (place.frames is not None and place.frames <= number):
            place = replace(place, frames=number if last else None)
        if not self._done(place):
            # The clock of the offer is that of giving it.
            yield Offer(offer.source, offer.name, offer.taken_at_s, partial(_decode_unchanged, offer), place)

    def _looks(self, pending: PendingFiles) -> Iterator[None]:
        """Once whenever `pending` may have changed, having looked at what did."""
        if self._settings.poll_s is not None:
            while not self._stop.is_set():
                took_s = self._scan(pending)
                yield None
                self._stop.wait(max(self._settings.poll_s, took_s * _SCAN_SHARE))
            return
        while not self._stop.is_set():
            yield from self._told(pending)
            # Lost: what is there again, such as a drive that was mounted anew, has to be watched anew.
            while not self._folder.is_dir() and not self._stop.wait(self._settings.settle_s):
                pass

    def _told(self, pending: PendingFiles) -> Iterator[None]:
        """Until stopped, or the folder is gone."""
        scan_at_s = 0.0
        for changed in self._changes():
            if monotonic() >= scan_at_s:
                # After the system has begun to tell, so that nothing falls between the two.
                took_s = self._scan(pending)
                scan_at_s = monotonic() + max(self._settings.scan_s, took_s * _SCAN_SHARE)
            for path in changed:
                pending.note(path)
            yield None
            if not self._folder.is_dir():
                self._scan(pending)
                return

    def _changes(self) -> Iterator[list[Path]]:
        watchfiles = _watchfiles()
        settings = {"debounce": _TICK_MS, "step": _STEP_MS, "rust_timeout": _TICK_MS, "yield_on_timeout": True}
        try:
            for changes in watchfiles.watch(
                self._folder,
                watch_filter=None,
                stop_event=self._stop,
                ignore_permission_denied=True,
                force_polling=False,
                **settings,
            ):
                yield sorted({Path(path) for _, path in changes})
        except FileNotFoundError:
            return  # It went between being looked for and being watched.
        except OSError as error:
            raise InputError(
                expected=f"a system that tells of changes in {self._folder}",
                got=str(error),
                fix="raise fs.inotify.max_user_watches, or watch with poll=2 (seconds)",
            ) from error

    def _scan(self, pending: PendingFiles) -> float:
        """Look at every file; seconds that it took. A folder that is gone may come back: said once, and waited for."""
        start_s = monotonic()
        try:
            pending.scan()
        except OSError as error:
            if not self._lost:
                _log.warning("%s cannot be read, and is waited for: %s", self.name, error)
            self._lost = True
        else:
            if self._lost:
                _log.warning("%s is back", self.name)
            self._lost = False
        return monotonic() - start_s


def _decode_unchanged(offer: Offer) -> Frame:
    frame = offer.decode()
    now = place_of(offer.place.path) if offer.place is not None else None
    if offer.place is not None and now is not None:
        known = (offer.place.size_bytes, offer.place.modified_ns)
        if (now.size_bytes, now.modified_ns) != known:
            raise InputError(
                expected="a file that stays as it is once it is whole",
                got=f"{offer.name}, which was written again before it was read",
                fix="write files under another name and rename them; what it holds now follows as a file of its own",
            )
    return frame


def _watchfiles() -> ModuleType:
    try:
        import watchfiles
    except ImportError as error:
        raise MissingDependencyError(
            expected="the package watchfiles, to be told of new files",
            got=str(error),
            fix="pip install 'edge-nt[cart]', or watch with poll=2 (seconds)",
        ) from error
    module: ModuleType = watchfiles
    return module
