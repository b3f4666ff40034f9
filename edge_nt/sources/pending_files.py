"""Files of a folder that are not taken yet: which are new, which still grow, which are whole."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from edge_nt.atomic import TEMPORARY_PREFIX
from edge_nt.imaging.container import SNIFFED_BYTES, sniff
from edge_nt.imaging.decode import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from edge_nt.sources.file_ledger import LAST_FRAME, FileLedger
from edge_nt.sources.output_folder import holds_results, is_output
from edge_nt.sources.source import FilePlace
from edge_nt.sources.wholeness import why_not_whole

_log = logging.getLogger(__name__)
_SUFFIXES = IMAGE_SUFFIXES | VIDEO_SUFFIXES
# What writers and copying programs append or prepend until a file has its name.
_TEMPORARY_SUFFIXES = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".swp", "~")
_TEMPORARY_PREFIXES = (".", "~", TEMPORARY_PREFIX)


@dataclass(frozen=True)
class _Pending:
    place: FilePlace
    # On the clock of this machine: that of a network drive may be another.
    unchanged_since_s: float
    # Files found by one look at a folder came at the same time.
    looked: int
    # Walked once for each change; a file that is not whole stays so until it changes.
    walked: bool = False


class PendingFiles:
    """The files below `folder` that nobody has taken; links are not followed; temporary names and folders
    that edge-nt wrote results into are passed over.

    A file is ready when size and time of writing have stood still for `settle_s` and its container is there to its
    end, or when it has stood still for `give_up_s` without: whoever decodes it then learns what is wrong. What `done`
    knows as a whole is passed over. With a name that is no image's, only DICOM files are taken.
    """

    def __init__(self, folder: Path, done: Callable[[FilePlace], bool], settle_s: float, give_up_s: float) -> None:
        self._folder = folder
        self._done = done
        self._settle_s = settle_s
        self._give_up_s = give_up_s
        self._pending: dict[Path, _Pending] = {}
        # Taken by this process, or nothing for it; a million of them take 20 MB.
        self._settled = FileLedger()
        self._unreadable: set[str] = set()
        self._looked = 0

    def scan(self, folder: Path | None = None) -> None:
        """Look at every file in a folder and below. Raises: OSError when the watched folder itself cannot be read."""
        start = self._folder if folder is None else folder
        self._looked += 1
        for parent, folders, files in os.walk(start, onerror=self._unread):
            if holds_results(files):
                folders.clear()
                continue
            folders[:] = [name for name in folders if not _is_temporary(name)]
            for name in files:
                self._look(Path(parent, name))

    def note(self, path: Path) -> None:
        """Look at a path of which something was heard: a file, or a folder that came with its files."""
        self._looked += 1
        below = path.relative_to(self._folder).parts
        if any(_is_temporary(part) for part in below[:-1]) or self._shut_off(below[:-1]):
            return
        if path.is_dir() and not path.is_symlink():
            if not _is_temporary(path.name):
                self.scan(path)
        else:
            self._look(path)

    def ready(self) -> Iterator[FilePlace]:
        """The files that can be taken now, those that came first before others and then by path, each once.

        One at a time: a file is looked at when it is asked for, so that a long wait before it makes no difference.
        """
        first_come = sorted(self._pending, key=lambda path: (self._pending[path].looked, path))
        for path in first_come:
            self._look(path)
            pending = self._pending.get(path)
            if pending is not None and self._may_go(pending):
                del self._pending[path]
                self._settle(pending.place)
                yield pending.place

    def _may_go(self, pending: _Pending) -> bool:
        stood_still_s = monotonic() - pending.unchanged_since_s
        if stood_still_s >= self._give_up_s:
            return True
        if stood_still_s < self._settle_s or pending.walked:
            return False
        self._pending[pending.place.path] = replace(pending, walked=True)
        try:
            return why_not_whole(pending.place.path) is None
        except OSError as error:
            _log.debug("%s cannot be read yet: %s", pending.place.path, error)
            return False
        except Exception as error:
            # Here nothing guards against it a second time; where the file is opened, something does.
            _log.debug("%s cannot be judged: %r", pending.place.path, error)
            return True

    def _look(self, path: Path) -> None:
        place = _place(path)
        if place is None or _is_temporary(path.name):
            self._pending.pop(path, None)
            return
        known = self._pending.get(path)
        if known is not None and known.place == place:
            return
        self._pending.pop(path, None)
        last = replace(place, frame=LAST_FRAME)
        if last in self._settled:
            return
        if self._done(last):
            # Asked once: `done` counts what it is asked for.
            self._settle(place)
            return
        try:
            if path.suffix.lower() not in _SUFFIXES and not _is_dicom(path):
                # An empty file may yet become one; its size will change.
                self._settle(place)
                return
        except OSError as error:
            # Not open to this user yet, or a network drive that failed once: the next look may tell.
            _log.debug("%s cannot be read yet: %s", path, error)
            return
        self._pending[path] = _Pending(place, monotonic(), self._looked)

    def _settle(self, place: FilePlace) -> None:
        self._settled.add(place)

    def _unread(self, error: OSError) -> None:
        name = str(error.filename)
        if name == str(self._folder):
            raise error
        # A subfolder that is gone by now is nothing to speak of.
        if not isinstance(error, FileNotFoundError) and name not in self._unreadable:
            self._unreadable.add(name)
            _log.warning("%s cannot be read, and is passed over: %s", name, error.strerror)

    def _shut_off(self, parts: tuple[str, ...]) -> bool:
        """Whether a folder on the way is a link, or an output."""
        path = self._folder
        return any((path := path / part).is_symlink() or is_output(path) for part in parts)


def _place(path: Path) -> FilePlace | None:
    """None for what is gone, a link, a folder or a device."""
    try:
        status = path.lstat()
    except (OSError, ValueError):
        return None
    return FilePlace(path, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return sniff(file.read(SNIFFED_BYTES)) == "dicom"


def _is_temporary(name: str) -> bool:
    return name.startswith(_TEMPORARY_PREFIXES) or name.lower().endswith(_TEMPORARY_SUFFIXES)
