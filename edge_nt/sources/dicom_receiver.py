"""Objects that scanners send by DICOM C-STORE: received into a folder, which is watched like any other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.imaging.crop import Crop
from edge_nt.sources.source import FilePlace, Guard, Offer, unguarded
from edge_nt.sources.watched_folder import WatchedFolder, WatchSettings

_TITLE = re.compile(r"[ -\[\]-~]{1,16}")
# Objects get their names only when they are whole.
_WATCH = WatchSettings(settle_s=0.1)


@dataclass(frozen=True)
class StoreSettings:
    """Where to listen, who may send, and how much.

    `callers` are the AE titles and `peers` the addresses that may send; empty lets all. A peer is sure of its address
    and nothing else: titles are no password. `min_free_bytes` of the disk stay free.
    Raises: InputError for titles and limits that cannot be.
    """

    host: str = "127.0.0.1"
    port: int = 11112
    ae_title: str = "EDGENT"
    callers: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    max_object_bytes: int = 512 << 20
    max_associations: int = 4
    min_free_bytes: int = 1 << 30
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        titles = [self.ae_title, *self.callers]
        if not all(_TITLE.fullmatch(title) and title.strip() for title in titles):
            raise InputError(
                expected="AE titles of 1 to 16 characters (ASCII, no backslash)",
                got=", ".join(titles),
                fix="correct them",
            )
        least = min(self.max_object_bytes, self.max_associations, self.timeout_s)
        if not (0 <= self.port <= 65535 and self.min_free_bytes >= 0 and 0 < least < float("inf")):
            raise InputError(
                expected="a port up to 65535, and limits above 0",
                got=f"port {self.port}, {least:g}",
                fix="correct them",
            )


class DicomReceiver:
    """Every frame of every object in the inbox, those received before and those that come, until it is stopped.

    Listening begins with `offers`. `done` and `guard` are the watched folder's, so that objects received
    before a restart are not lost, and none is done twice. `store` counts what was received.
    Raises: InputError when the inbox cannot be made; MissingDependencyError without pynetdicom.
    """

    live = False

    def __init__(
        self,
        inbox: Path,
        done: Callable[[FilePlace], bool],
        settings: StoreSettings,
        crop: Crop = "frame",
        guard: Guard = unguarded,
    ) -> None:
        try:
            from edge_nt.sources.dicom_store import DicomStore
        except ImportError as error:
            raise MissingDependencyError(
                expected="the package pynetdicom, to receive DICOM objects",
                got=str(error),
                fix="pip install 'edge-nt[cart]'",
            ) from error
        try:
            inbox.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise InputError(expected="a folder for received objects", got=str(error), fix="name another") from error
        self.store = DicomStore(inbox, settings)
        self._watched = WatchedFolder(inbox, done, _WATCH, crop, guard)
        self.name = f"DICOM receiver {settings.ae_title} on {settings.host}:{settings.port}"

    def stop(self) -> None:
        """Receive nothing more, and give no further frame."""
        self._watched.stop()

    def offers(self) -> Iterator[Offer]:
        """One offer a frame. Raises: InputError for an address that cannot be listened on."""
        self.store.start()
        try:
            yield from self._watched.offers()
        finally:
            self.store.stop()
