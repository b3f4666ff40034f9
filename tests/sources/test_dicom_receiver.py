"""A receiver on loopback, and real senders: pynetdicom's own, and sockets that send what no sender should."""

import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pydicom
import pynetdicom
import pytest
from dicom_loopback import SETTINGS, receiving, scan, sending, wait_until
from pydicom.data import get_testdata_file
from pydicom.uid import RLELossless
from pynetdicom import evt
from pynetdicom.sop_class import CTImageStorage, UltrasoundImageStorage

from edge_nt.atomic import TEMPORARY_PREFIX
from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.imaging.recording import frames_of
from edge_nt.sources.dicom_receiver import DicomReceiver, StoreSettings


def test_objects_become_frames_and_echo_is_answered(tmp_path: Path) -> None:
    dataset = scan()
    with receiving(tmp_path / "inbox") as running:
        with sending(running.port) as association:
            assert association.send_c_echo().Status == 0x0000
            assert association.send_c_store(dataset).Status == 0x0000
            # Whole on disk before the answer, not some time after it.
            assert running.files() == [f"{dataset.SOPInstanceUID}.dcm"]
            assert association.send_c_store(dataset).Status == 0x0000
            assert not [
                context for context in association.accepted_contexts if context.abstract_syntax == CTImageStorage
            ]
        wait_until(lambda: len(running.offers) == 1)
        time.sleep(0.2)
    assert len(running.offers) == 1
    assert running.offers[0].decode().pixels.tobytes() == dataset.PixelData
    assert (running.source.store.received, running.source.store.duplicates) == (1, 1)


def test_what_a_killed_receiver_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / f"{TEMPORARY_PREFIX}x.dcm").write_bytes(b"half")
    (tmp_path / "inbox" / "1.2.dcm").write_bytes(b"whole")
    with receiving(tmp_path / "inbox") as running:
        wait_until(lambda: running.files() == ["1.2.dcm"])


def test_several_senders_at_once_lose_nothing(tmp_path: Path) -> None:
    shared = scan()
    statuses: list[int] = []

    def send(port: int) -> None:
        with sending(port) as association:
            for dataset in (shared, scan(), scan(), shared):
                statuses.append(association.send_c_store(dataset).Status)

    with receiving(tmp_path / "inbox") as running:
        threads = [threading.Thread(target=send, args=(running.port,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [0x0000] * 16
        wait_until(lambda: len(running.offers) == 9)
    assert len(running.files()) == 9
    assert len({offer.name for offer in running.offers}) == 9


def test_a_compressed_object_is_stored_as_it_was_sent(tmp_path: Path) -> None:
    sent = pydicom.dcmread(get_testdata_file("examples_rgb_color.dcm"))
    sent.compress(RLELossless)
    sent.SOPClassUID = UltrasoundImageStorage
    sent.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    with receiving(tmp_path / "inbox") as running, sending(running.port, syntax=RLELossless) as association:
        assert association.send_c_store(sent).Status == 0x0000
    (path,) = (tmp_path / "inbox").iterdir()
    stored = pydicom.dcmread(path)
    assert stored.file_meta.TransferSyntaxUID == RLELossless
    assert stored.PixelData == sent.PixelData
    (frame,) = frames_of(path)
    assert frame.decode().pixels.shape == (sent.Rows, sent.Columns)


@pytest.mark.filterwarnings("ignore:.*VR UI")
@pytest.mark.parametrize("uid", ["../../x", "..", "1..2", "/etc/passwd", "1.2/3", "1" * 65, ".1", "1.2.dcm"])
def test_no_uid_leads_out_of_the_inbox(tmp_path: Path, uid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Neither the sender nor the library of the receiver is to object: what is left is the receiver's own check.
    monkeypatch.setitem(pynetdicom._config.VALIDATORS, "UI", lambda value: (True, ""))
    with receiving(tmp_path / "inbox") as running, sending(running.port) as association:
        assert association.send_c_store(scan(uid)).Status == 0xC000
    assert running.files() == []
    assert [path.name for path in tmp_path.iterdir()] == ["inbox"]


def test_what_is_no_image_or_another_object_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixelless, short, other = scan(), scan(), scan()
    del pixelless.PixelData
    short.PixelData = short.PixelData[:100]
    with receiving(tmp_path / "inbox") as running, sending(running.port) as association:
        assert association.send_c_store(pixelless).Status == 0xC000
        assert association.send_c_store(short).Status == 0xC000
        forged = tmp_path / "forged.dcm"
        pydicom.dcmwrite(forged, other, enforce_file_format=True)
        uid = other.SOPInstanceUID.encode()
        # In the file's header, which is what is announced; the data set after it says what it was.
        forged.write_bytes(forged.read_bytes().replace(uid, uid[:-1] + (b"1" if uid[-1:] != b"1" else b"2"), 1))
        monkeypatch.setattr("pynetdicom._config.STORE_SEND_CHUNKED_DATASET", True)  # Announces what the header says.
        assert association.send_c_store(forged).Status == 0xA900
    assert running.files() == []
    assert running.source.store.refused == 3


def test_a_full_disk_is_answered_as_such(tmp_path: Path) -> None:
    settings = replace(SETTINGS, min_free_bytes=1 << 60)
    with receiving(tmp_path / "inbox", settings) as running, sending(running.port) as association:
        assert association.send_c_store(scan()).Status == 0xA700
    assert running.files() == []


def test_an_object_above_the_limit_is_cut_off_and_the_next_one_taken(tmp_path: Path) -> None:
    settings = replace(SETTINGS, max_object_bytes=200_000)
    with receiving(tmp_path / "inbox", settings) as running:
        with sending(running.port) as association:
            assert association.send_c_store(scan(size=1000)).get("Status") is None
            wait_until(lambda: association.is_aborted)
        with sending(running.port) as association:
            for _ in range(4):  # Together above the limit, which is one object's.
                assert association.send_c_store(scan(size=250)).Status == 0x0000
    assert len(running.files()) == 4


def test_strangers_are_turned_away(tmp_path: Path) -> None:
    settings = replace(SETTINGS, callers=("SCANNER",))
    with receiving(tmp_path / "inbox", settings) as running:
        for title, caller, allowed in (
            ("EDGENT", "SCANNER", True),
            ("EDGENT", "OTHER", False),
            ("X", "SCANNER", False),
        ):
            with sending(running.port, title, caller) as association:
                assert association.is_established == allowed
    settings = replace(SETTINGS, peers=("192.0.2.1",))
    with receiving(tmp_path / "inbox", settings) as running, sending(running.port) as association:
        assert not association.is_established


def test_a_sender_that_dies_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    with receiving(tmp_path / "inbox") as running:
        with sending(running.port) as association:
            pdus: list[int] = []

            def die(event: evt.Event) -> None:
                pdus.append(1)
                if len(pdus) == 20:
                    association.dul.socket.socket.shutdown(socket.SHUT_RDWR)

            association.bind(evt.EVT_PDU_SENT, die)
            association.send_c_store(scan(size=1000))
            assert len(pdus) >= 20
        with sending(running.port) as association:
            assert association.send_c_store(scan()).Status == 0x0000
        assert len(running.files()) == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n" * 9,
        b"",
        b"\x01\x00" + struct.pack(">I", 70) + bytes(70),
        b"\x04\x00\xff\xff\xff\xff" + bytes(99_999),
    ],
    ids=["another protocol", "nothing", "empty request", "four gigabytes"],
)
def test_garbage_on_the_port_costs_only_its_connection(tmp_path: Path, garbage: bytes) -> None:
    with receiving(tmp_path / "inbox") as running, socket.socket() as stranger:
        stranger.settimeout(5)
        stranger.connect(("127.0.0.1", running.port))
        stranger.sendall(garbage)
        if garbage:
            with suppress(ConnectionResetError):
                while stranger.recv(4096):
                    pass
        with sending(running.port) as association:
            assert association.send_c_store(scan()).Status == 0x0000
    assert len(running.files()) == 1


def test_a_taken_port_odd_settings_and_a_missing_package_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving(tmp_path / "inbox") as running:
        second = DicomReceiver(tmp_path / "second", lambda place: False, replace(SETTINGS, port=running.port))
        with pytest.raises(InputError, match="free address"):
            next(second.offers())
    for odd in (
        {"ae_title": ""},
        {"ae_title": "x" * 17},
        {"port": 70000},
        {"max_associations": 0},
        {"callers": ("a\\b",)},
    ):
        with pytest.raises(InputError):
            StoreSettings(**odd)
    assert StoreSettings().host == "127.0.0.1"
    monkeypatch.setitem(__import__("sys").modules, "edge_nt.sources.dicom_store", None)
    with pytest.raises(MissingDependencyError, match=r"edge-nt\[cart\]"):
        DicomReceiver(tmp_path, lambda place: False, SETTINGS)
