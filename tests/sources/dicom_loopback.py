"""A receiver on loopback whose frames a thread gathers, and pynetdicom's own sender with scans to send."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import CTImageStorage, UltrasoundImageStorage, Verification

from edge_nt.sources.dicom_receiver import DicomReceiver, StoreSettings
from edge_nt.sources.source import Offer

SETTINGS = StoreSettings(port=0, min_free_bytes=0, timeout_s=5.0)


class Running:
    """A receiver whose frames are gathered by a thread."""

    def __init__(self, inbox: Path, settings: StoreSettings) -> None:
        self.source = DicomReceiver(inbox, lambda place: False, settings)
        self.inbox, self.offers = inbox, list[Offer]()
        self.thread = threading.Thread(target=lambda: self.offers.extend(self.source.offers()))

    @property
    def port(self) -> int:
        return self.source.store.port

    def files(self) -> list[str]:
        return sorted(path.name for path in self.inbox.iterdir())


@contextmanager
def receiving(inbox: Path, settings: StoreSettings = SETTINGS) -> Iterator[Running]:
    running = Running(inbox, settings)
    running.thread.start()
    until_s = time.monotonic() + 5
    while running.source.store._server is None and time.monotonic() < until_s:
        time.sleep(0.01)
    try:
        yield running
    finally:
        start_s = time.monotonic()
        running.source.stop()
        running.thread.join(5)
        assert time.monotonic() - start_s < 0.5


@contextmanager
def sending(
    port: int, title: str = "EDGENT", caller: str = "SCANNER", syntax: str = ExplicitVRLittleEndian
) -> Iterator[Association]:
    entity = AE(ae_title=caller)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 5
    entity.add_requested_context(UltrasoundImageStorage, syntax)
    entity.add_requested_context(CTImageStorage)
    entity.add_requested_context(Verification)
    association = entity.associate("127.0.0.1", port, ae_title=title)
    yield association
    if association.is_established:
        association.release()


def scan(uid: str | None = None, size: int = 64) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = UltrasoundImageStorage, uid or generate_uid()
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows = dataset.Columns = size
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = np.random.default_rng(1).integers(0, 255, (size, size), np.uint8).tobytes()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def wait_until(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.01)
