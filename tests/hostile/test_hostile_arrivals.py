"""Hostile files that arrive while a live run watches a folder or a DICOM port: those behind them are still done."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import block_bundle
import cv2
import pydicom
import pytest
from byte_mutations import any_bytes
from hostile_cases import PICTURES, all_cases, make
from seed_files import write_corpus

from edge_nt.runtime.crew import load_crew
from edge_nt.sinks.log_segments import LogLimits
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sources.source import Source
from edge_nt.sources.watched_folder import WatchedFolder, WatchSettings
from edge_nt.stream.live_run import LiveRun, LiveSummary


@contextmanager
def running(bundle: Path, out: Path, source: Callable[[ResultLog], Source]) -> Iterator[list[LiveSummary]]:
    """A live run in a thread, whose summary is in the list once the block is left."""
    crew = load_crew(bundle, jobs=1, threads=1, backend="onnxruntime")
    out.mkdir()
    summaries: list[LiveSummary] = []
    with ResultLog(out, None, LogLimits()) as log:
        live = LiveRun(crew, source(log), (), log)
        runner = threading.Thread(target=lambda: summaries.append(live.run()))
        runner.start()
        try:
            yield summaries
        finally:
            live.stop()
            runner.join()


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "results.jsonl").read_bytes().splitlines()]


def wait_for_good(out: Path, name: str) -> None:
    deadline = time.monotonic() + 60
    while not any(line["file"].endswith(name) and "error" not in line for line in lines(out)):
        assert time.monotonic() < deadline, [line["file"] for line in lines(out)][-5:]
        time.sleep(0.02)


def test_a_watched_folder_of_hostile_files_still_does_the_good_ones(bundle_folder: Path, tmp_path: Path) -> None:
    corpus, inbox, out = tmp_path / "corpus", tmp_path / "inbox", tmp_path / "out"
    write_corpus(corpus)
    inbox.mkdir()
    cases = [case for case in all_cases(corpus, 900) if case.kind in PICTURES][::20]
    for number, case in enumerate(cases):
        (inbox / f"{number:03}").mkdir()
        make(case, corpus, inbox / f"{number:03}")
    # Far more than memory has, and nothing on the disk: whoever reads it as a whole is killed.
    for name, start in (
        ("huge.png", b"\x89PNG\r\n\x1a\n"),
        ("huge.dcm", bytes(128) + b"DICM"),
        ("huge.mp4", b"\0\0\0\x08free"),
    ):
        with (inbox / name).open("wb") as file:
            file.write(start)
            file.truncate(1 << 40)
    settings = WatchSettings(settle_s=0.05, give_up_s=0.3)
    with running(bundle_folder, out, lambda log: WatchedFolder(inbox, log.done, settings)) as summaries:
        deadline = time.monotonic() + 60
        while len({Path(line.get("path", line["file"])) for line in lines(out)}) < len(cases) + 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        cv2.imwrite(str(inbox / "good.png"), block_bundle.scan(1, 96, 128))
        wait_for_good(out, "good.png")
    assert not summaries[0].source_stuck
    assert summaries[0].counts.write_errors == 0
    failed = [line for line in lines(out) if "error" in line]
    assert len(failed) > len(cases) / 2
    assert all(str(inbox) in line["error"] for line in failed)
    assert not any("report this as a defect" in line["error"] for line in failed)


def test_garbage_on_the_dicom_port_keeps_no_scanner_from_sending(bundle_folder: Path, tmp_path: Path) -> None:
    pynetdicom = pytest.importorskip("pynetdicom")
    from edge_nt.sources.dicom_receiver import DicomReceiver, StoreSettings

    corpus, inbox, out, random = tmp_path / "corpus", tmp_path / "inbox", tmp_path / "out", Random(5)
    write_corpus(corpus)
    settings = StoreSettings(port=_free_port(), min_free_bytes=0, timeout_s=0.5)
    with running(bundle_folder, out, lambda log: DicomReceiver(inbox, log.done, settings)) as summaries:
        for number in range(18):
            _send_garbage(settings.port, number, random)
        sent = pydicom.dcmread(corpus / "dicom" / "mono2.dcm")
        for number in range(4):
            sent.SOPInstanceUID = sent.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
            sent.PixelData = any_bytes(bytes(sent.PixelData), random)
            sent.Rows, sent.BitsStored = random.choice((48, 0, 65_535)), random.choice((8, 0, 200))
            _store(pynetdicom, settings.port, sent)
        good = pydicom.dcmread(corpus / "dicom" / "mono2.dcm")
        assert _store(pynetdicom, settings.port, good) == 0
        wait_for_good(out, f"{good.SOPInstanceUID}.dcm")
    assert not summaries[0].source_stuck


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _send_garbage(port: int, number: int, random: Random) -> None:
    body = random.randbytes(random.choice((0, 1, 6, 68, 300)))
    # A PDU of every type, and of some that do not exist, whose length is right, too large or enormous.
    header = struct.pack(">BBI", number % 9, 0, random.choice((len(body), 70, 1 << 16, 0xFFFFFFFF)))
    for _ in range(50):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(random.choice((header + body, body, b"GET / HTTP/1.1\r\n\r\n")))
            return
        time.sleep(0.05)
    raise AssertionError("nobody listens any more")


def _store(pynetdicom: object, port: int, scan: pydicom.Dataset) -> int | None:
    """The status of the answer, or None where there was none."""
    entity = pynetdicom.AE()  # type: ignore[attr-defined]
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 5
    entity.add_requested_context(scan.SOPClassUID, scan.file_meta.TransferSyntaxUID)
    for _ in range(20):
        association = entity.associate("127.0.0.1", port, ae_title="EDGENT")
        if association.is_established:
            status = association.send_c_store(scan)
            association.release()
            return status.Status if "Status" in status else None
        time.sleep(0.2)
    raise AssertionError("nobody answers any more")
