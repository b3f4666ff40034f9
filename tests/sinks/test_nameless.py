import json
from pathlib import Path

import block_bundle
import cv2
import pytest
from finished_frames import finished

from edge_nt.errors import InputError
from edge_nt.imaging.frame import Frame
from edge_nt.runtime import load
from edge_nt.sinks.latents import Latents
from edge_nt.sinks.nameless import nameless
from edge_nt.sinks.pictures import Pictures
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sources.files import FileSource
from edge_nt.sources.source import Offer
from edge_nt.stream.stream import stream


def test_no_output_holds_a_name_of_a_file(bundle_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Yamada Tarou"
    folder.mkdir()
    files = [folder / f"PID-{number}.png" for number in range(3)]
    for number, file in enumerate(files):
        cv2.imwrite(str(file), block_bundle.scan(number, 60, 80))
    files[1].write_bytes(b"no picture")
    out = tmp_path / "out"
    out.mkdir()
    with ResultLog(out, None) as log, Pictures(out) as pictures, Latents(out) as latents:
        stream([load(bundle_folder)], nameless(FileSource(files).offers()), (pictures, latents), log, in_flight=1)
    for path in out.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for name in ("Yamada", "PID-"):
            assert name not in str(path.relative_to(out))
            assert name.encode() not in content
            assert name.encode("utf-32-le") not in content
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [line["file"] for line in lines] == ["frame-0", "frame-1", "frame-2"]
    assert "frame-1" in lines[1]["error"]


def test_an_unforeseen_error_tells_no_name() -> None:
    def fail() -> Frame:
        raise RuntimeError("Yamada Tarou.dcm: cannot be parsed")

    (offer,) = nameless([Offer("files", "Yamada Tarou.dcm", 0.0, fail)])
    with pytest.raises(InputError, match="RuntimeError for frame-0") as raised:
        offer.decode()
    assert "Yamada" not in str(raised.value)


def test_a_frame_is_otherwise_as_it_was(bundle_folder: Path) -> None:
    frame = finished(load(bundle_folder), block_bundle.scan(1, 60, 80), mm_per_px=0.1)
    (offer,) = nameless([frame.offer])
    assert (offer.place, offer.taken_at_s, offer.clock_s) == (
        frame.offer.place,
        frame.offer.taken_at_s,
        frame.offer.clock_s,
    )
    decoded = offer.decode()
    assert (decoded.source, decoded.mm_per_px) == ("frame-0", 0.1)
    assert decoded.pixels is frame.frame.pixels


def test_a_replayed_file_is_named_neither_as_the_source_nor_in_an_error(tmp_path: Path) -> None:
    clip = tmp_path / "Yamada" / "clip.avi"

    def fail() -> Frame:
        raise InputError(expected="a video", got=f"{clip}: cannot be opened", fix="leave it out")

    (offer,) = nameless([Offer(f"replay {clip}", f"{clip}#1", 0.0, fail)])
    assert offer.source == "replay"
    with pytest.raises(InputError, match="Got frame-0: cannot be opened") as raised:
        offer.decode()
    assert "Yamada" not in str(raised.value)
