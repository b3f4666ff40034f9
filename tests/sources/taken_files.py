"""What comes out of a watched folder, gathered by a thread, and the settings that it is watched with."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import block_bundle
import cv2

from edge_nt.errors import EdgeNtError
from edge_nt.sources.source import FilePlace, Offer
from edge_nt.sources.watched_folder import WatchedFolder, WatchSettings

QUICK = WatchSettings(settle_s=0.08, give_up_s=0.45, scan_s=60.0)
POLLED = WatchSettings(settle_s=0.08, give_up_s=0.45, poll_s=0.05)
PNG = cv2.imencode(".png", block_bundle.scan(1))[1].tobytes()


@dataclass
class Taken:
    """What came out of a watched folder, gathered by a thread."""

    folder: Path
    offers: list[Offer] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [Path(offer.name).relative_to(self.folder).as_posix() for offer in self.offers]

    def add(self, offer: Offer) -> None:
        try:
            offer.decode()
        except EdgeNtError as error:
            self.errors[Path(offer.name).name] = str(error)
        self.offers.append(offer)

    def wait_for(self, count: int, timeout_s: float = 5.0) -> None:
        until_s = time.monotonic() + timeout_s
        while len(self.offers) < count and time.monotonic() < until_s:
            time.sleep(0.01)
        assert len(self.offers) >= count, self.names


@contextmanager
def watching(
    folder: Path, settings: WatchSettings = QUICK, done: Callable[[FilePlace], bool] = lambda place: False
) -> Iterator[Taken]:
    source, taken = WatchedFolder(folder, done, settings), Taken(folder)
    thread = threading.Thread(target=lambda: [taken.add(offer) for offer in source.offers()])
    thread.start()
    try:
        yield taken
    finally:
        source.stop()
        stopped_s = time.monotonic()
        thread.join(5)
        assert time.monotonic() - stopped_s < 0.5
