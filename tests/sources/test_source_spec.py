from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import block_bundle
import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.errors import InputError
from edge_nt.imaging.frame import PixelBox
from edge_nt.sources.camera_device import CameraSettings
from edge_nt.sources.file_ledger import FileLedger
from edge_nt.sources.replay import ReplaySettings
from edge_nt.sources.source import Source
from edge_nt.sources.source_spec import open_source
from edge_nt.sources.watched_folder import WatchSettings


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scans" / "a.png"
    path.parent.mkdir()
    cv2.imwrite(str(path), block_bundle.scan(1))
    return path


def test_a_camera() -> None:
    source = open_source(
        "camera:2?width=1280&height=720&fps=29.97&fourcc=MJPG&crop=10,20,300,200&mm_per_px=0.1&reconnect=never"
    )
    expected = CameraSettings("2", 1280, 720, 29.97, "MJPG", PixelBox(20, 10, 220, 310), 0.1, None)
    assert source._settings == expected
    assert (source.name, source.live) == ("camera /dev/video2", True)
    assert open_source("camera:/dev/video0")._settings == CameraSettings("/dev/video0")


def test_a_replay(scan: Path) -> None:
    source = open_source(f"replay:{scan.parent}?fps=30&speed=2&rounds=forever&duration=600&memory_mb=500")
    assert source._settings == ReplaySettings(30, 2, None, 600, 500_000_000)
    assert (source.name, source.live) == (f"replay {scan.parent}", True)
    (offer,) = open_source(f"replay:{scan}?fps=30").offers()
    assert offer.name == str(scan)


def test_a_watched_folder(scan: Path) -> None:
    source = open_source(f"watch:{scan.parent}?settle=1&give_up=60&poll=2&scan=9")
    assert source._settings == WatchSettings(1, 60, 2, 9)
    assert (source.name, source.live) == (f"folder {scan.parent}", False)


def test_a_receiver_whose_folder_is_made_only_for_a_sound_description(tmp_path: Path) -> None:
    inbox = tmp_path / "in" / "box"
    with pytest.raises(InputError, match="'porrt'"):
        open_source(f"dicom:{inbox}?porrt=1")
    assert not inbox.parent.exists()
    source = open_source(f"dicom:{inbox}?port=104&host=0.0.0.0&ae=CART&callers=US1,US2&peers=10.0.0.7&max_mb=5")
    settings = source.store._settings
    assert (settings.host, settings.port, settings.ae_title) == ("0.0.0.0", 104, "CART")
    assert (settings.callers, settings.peers, settings.max_object_bytes) == (("US1", "US2"), ("10.0.0.7",), 5_000_000)
    assert inbox.is_dir()
    assert open_source(f"dicom:{inbox}").store._settings.host == "127.0.0.1"


def test_a_path_is_its_files_once_without_those_that_are_done(scan: Path) -> None:
    cv2.imwrite(str(scan.with_name("b.png")), block_bundle.scan(2))
    offers = list(open_source(str(scan.parent)).offers())
    assert [Path(offer.name).name for offer in offers] == ["a.png", "b.png"]
    ledger = FileLedger()
    assert offers[0].place is not None
    ledger.add(offers[0].place)
    (left,) = open_source(str(scan.parent), lambda place: place in ledger).offers()
    assert Path(left.name).name == "b.png"


@pytest.mark.parametrize(
    "spec",
    [
        *("", "camra:/dev/video0", "camera:", "watch:?poll=1", "/no/such/file", "http://host/x"),
        *("camera:0?width=ten", "camera:0?width", "camera:0?crop=1,2,3", "camera:0?fps=30&fps=25", "camera:0?x=1"),
        *("camera:0?width=9" + "9" * 400, "camera:0?crop=region", "replay:/no/such", "watch:/no/such", "replay:\0"),
        *("camera:0?fourcc=%ff", "dicom:/dev/null/x", "watch:/?crop=all", "dicom:/tmp/x?port=1e3"),
    ],
)
def test_what_is_no_source_is_refused_and_the_known_ones_are_listed(spec: str) -> None:
    with pytest.raises(InputError) as refusal:
        open_source(spec)
    if "no/such" not in spec or spec.startswith("/"):
        said = str(refusal.value)
        assert "/dev/null" in spec or ("camera:DEVICE" in said and "watch:FOLDER" in said)


SETTINGS = (
    *("width", "height", "fps", "fourcc", "crop", "mm_per_px", "reconnect", "speed", "rounds", "duration", "memory_mb"),
    *("settle", "give_up", "poll", "scan", "port", "host", "ae", "callers", "peers", "max_mb", "associations", "other"),
)
keys = st.sampled_from(SETTINGS)
values = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["0", "-1", "1e999", "nan", "inf", "-" + "9" * 400, "never", "forever", "region", "1,2,3,4"]),
    st.integers().map(str),
    st.floats().map(str),
)
described = st.builds(
    lambda kind, place, settings: f"{kind}:{place}" + ("?" + urlencode(settings, errors="replace") if settings else ""),
    st.sampled_from(["camera", "replay", "watch", "dicom", "file", ""]),
    st.sampled_from(["0", "/dev/video0", "SCANS", "SCANS/a.png", "SCANS/inbox", "\0", "x" * 5000]),
    st.dictionaries(keys, values, max_size=3),
)


@given(st.one_of(described, st.text(max_size=40)))
def test_any_text_is_a_source_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "spec"
    folder.mkdir(exist_ok=True)
    if not (folder / "a.png").exists():
        cv2.imwrite(str(folder / "a.png"), block_bundle.scan(1))
    if text.startswith("dicom:") and "SCANS" not in text:
        return  # It would make that folder, wherever that is.
    with suppress(InputError):
        source: Source = open_source(text.replace("SCANS", str(folder)))
        assert isinstance(source.name, str)
        source.stop()
