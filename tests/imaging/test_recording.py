"""Cine DICOM and every other file through the one door: names, numbers, times, regions, and one frame at a time."""

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from dicom_files import LOSSLESS, regions, tissue_region, write_cine, write_dicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless
from scan_folders import save, scan

from edge_nt.errors import InputError
from edge_nt.imaging.crop import cropped
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.dicom import open_dicom
from edge_nt.imaging.frame import Frame, PixelBox
from edge_nt.imaging.recording import frames_of

LUMA_RGB = np.array([0.299, 0.587, 0.114])


def cine(count: int = 4, height: int = 35, width: int = 41) -> list[np.ndarray]:
    # Odd sides: frames of an odd number of bytes lie across the pairs that big-endian files swap.
    return [scan(seed, height, width) for seed in range(count)]


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_every_frame_of_a_cine_comes_back_unchanged(tmp_path: Path, syntax: str) -> None:
    path = write_cine(tmp_path / "a.dcm", cine(), syntax, FrameTime=40)
    recording = frames_of(path)
    assert (recording.frames, recording.random_access) == (4, True)
    frames = list(recording)
    assert [frame.name for frame in frames] == [f"{path}#{number}" for number in (1, 2, 3, 4)]
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.04, 0.08, 0.12])
    for frame in reversed(frames):
        np.testing.assert_array_equal(frame.decode().pixels, cine()[frame.index])
        assert frame.decode().source == frame.name


def test_a_colour_cine_in_jpeg_and_rle(tmp_path: Path) -> None:
    frames = [np.stack([scan(seed + channel, 32, 48) for channel in range(3)], axis=-1) for seed in (0, 3)]
    path = write_cine(tmp_path / "a.dcm", frames, RLELossless)
    for read, frame in zip(frames_of(path), frames, strict=True):
        assert np.abs(read.decode().pixels - frame @ LUMA_RGB).max() <= 0.51
    path = write_cine(tmp_path / "b.dcm", frames, JPEGBaseline8Bit, PhotometricInterpretation="YBR_FULL_422")
    for read, frame in zip(frames_of(path), frames, strict=True):
        assert np.abs(read.decode().pixels - frame @ LUMA_RGB).mean() < 3


def split(frames: list[bytes], parts: int, table: bool) -> bytes:
    data = encapsulate(frames, fragments_per_frame=parts, has_bot=table)
    assert data.count(b"\xfe\xff\x00\xe0") == 1 + parts * len(frames)
    return data


@pytest.mark.parametrize("table", [True, False])
def test_frames_in_several_fragments_are_put_together(tmp_path: Path, table: bool) -> None:
    whole = write_cine(tmp_path / "a.dcm", cine(), JPEG2000Lossless)
    encoded = [bytes(part) for part in encoded_frames(whole)]
    data = split(encoded, 3, table)
    path = write_cine(tmp_path / "b.dcm", cine(), syntax=JPEG2000Lossless, PixelData=data)
    for read, pixels in zip(frames_of(path), cine(), strict=True):
        np.testing.assert_array_equal(read.decode().pixels, pixels)


def encoded_frames(path: Path) -> list[bytes]:
    import pydicom
    from pydicom.encaps import generate_frames

    dataset = pydicom.dcmread(path)
    return list(generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames))


def test_a_frame_is_read_without_the_others(tmp_path: Path) -> None:
    # 200 frames of 0.6 MB: whoever held the file, or decoded more than was asked for, would take a hundred times this.
    frames = [np.full((600, 1000), value, np.uint8) for value in range(200)]
    path = write_cine(tmp_path / "a.dcm", frames)
    del frames
    list(frames_of(path))[3].decode()
    tracemalloc.start()
    for index in (199, 0, 57):
        assert (list(frames_of(path))[index].decode().pixels == index).all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 600_000


def test_frames_are_decoded_by_many_threads_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(4)
    for syntax in (LOSSLESS[1], RLELossless, JPEG2000Lossless):
        frames = list(frames_of(write_cine(tmp_path / "a.dcm", cine(16), syntax)))

        def decode(index: int, frames: list = frames) -> np.ndarray:
            if index < 4:
                together.wait(5)
            return frames[index].decode().pixels

        with ThreadPoolExecutor(4) as pool:
            for pixels, expected in zip(pool.map(decode, range(16)), cine(16), strict=True):
                np.testing.assert_array_equal(pixels, expected)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = write_cine(tmp_path / "a.dcm", cine())
    frames = list(frames_of(path))
    write_cine(path, cine(3, 60, 41))
    with pytest.raises(InputError, match=r"a\.dcm#2: the file has changed"):
        frames[1].decode()
    path.unlink()
    with pytest.raises(InputError, match=r"a\.dcm#2"):
        frames[1].decode()


def test_bytes_are_opened_like_a_file(tmp_path: Path) -> None:
    data = write_cine(tmp_path / "a.dcm", cine(), RLELossless).read_bytes()
    file = open_dicom(data, "received")
    np.testing.assert_array_equal(file.frame(3).pixels, cine()[3])
    assert file.frame(3).source == "received#4"
    with pytest.raises(InputError, match="frame 5 of 4"):
        file.frame(4)


@pytest.mark.parametrize(
    ("elements", "times_s"),
    [
        ({}, None),
        ({"FrameTime": 33.5}, (0, 0.0335, 0.067, 0.1005)),
        ({"FrameTime": [40, 40]}, None),
        ({"FrameTime": [40, 40], "CineRate": 25}, (0, 0.04, 0.08, 0.12)),
        ({"FrameTimeVector": [0, 10, 20, 30]}, (0, 0.01, 0.03, 0.06)),
        ({"FrameTimeVector": [0, 10, 20]}, None),
        ({"FrameTime": 40, "FrameTimeVector": [0, 1, 1, 1]}, (0, 0.04, 0.08, 0.12)),
        (
            {"FrameTime": 40, "FrameTimeVector": [0, 1, 1, 1], "FrameIncrementPointer": 0x00181065},
            (0, 0.001, 0.002, 0.003),
        ),
        ({"CineRate": 50}, (0, 0.02, 0.04, 0.06)),
        ({"FrameTime": 0, "RecommendedDisplayFrameRate": 25}, (0, 0.04, 0.08, 0.12)),
        ({"FrameTime": -40}, None),
        ({"FrameTime": "nan"}, None),
        ({"FrameTime": "inf", "CineRate": -3}, None),
        # Their sum would be infinite, or centuries.
        ({"FrameTime": "1e308", "CineRate": 25}, (0, 0.04, 0.08, 0.12)),
        ({"FrameTime": "1e12"}, None),
    ],
)
def test_frame_times(tmp_path: Path, elements: dict[str, object], times_s: tuple[float, ...] | None) -> None:
    file = open_dicom(write_cine(tmp_path / "a", cine(), **elements), "a")
    assert file.times_s == (None if times_s is None else pytest.approx(times_s))


def test_the_region_is_where_the_tissue_is_and_cropping_keeps_the_spacing(tmp_path: Path) -> None:
    colour_box = tissue_region(10, 10, 12, 12, 0.02, data_type=2)
    ecg = tissue_region(0, 25, 40, 29, 5.0, data_type=10, spatial_format=4)
    path = write_cine(
        tmp_path / "a.dcm", cine(height=30), **regions(tissue_region(4, 2, 33, 24, 0.01), colour_box, ecg)
    )
    (whole, *_), (part, *_) = frames_of(path), frames_of(path, crop="region")
    assert whole.decode().region == PixelBox(2, 4, 25, 34)
    frame = part.decode()
    np.testing.assert_array_equal(frame.pixels, cine(height=30)[0][2:25, 4:34])
    assert (frame.mm_per_px, frame.region, frame.source) == (pytest.approx(0.1), PixelBox(0, 0, 23, 30), f"{path}#1")
    np.testing.assert_array_equal(cropped(frame, "region").pixels, frame.pixels)


def doppler(left: int, top: int, right: int, bottom: int) -> Dataset:
    return tissue_region(left, top, right, bottom, 5.0, data_type=3, spatial_format=3)


@pytest.mark.parametrize(
    ("items", "mm_per_px", "region"),
    [
        # Right to the edge, also where a scanner names the row and column after the last.
        ([tissue_region(0, 0, 40, 29, 0.01)], 0.1, PixelBox(0, 0, 30, 41)),
        ([tissue_region(1, 1, 41, 30, 0.01)], 0.1, PixelBox(1, 1, 30, 41)),
        # Scaled or cut after the header was written: neither its place nor its spacing is that of these pixels.
        ([tissue_region(1, 1, 42, 20, 0.01)], None, None),
        ([tissue_region(1, 1, 20, 400, 0.01)], None, None),
        # Only cut along one axis: along the other it still ends at the edge, which scaling would have moved.
        ([tissue_region(1, 2, 40, 59, 0.01)], 0.1, PixelBox(2, 1, 30, 41)),
        ([tissue_region(3, 2, 99, 29, 0.01)], 0.1, PixelBox(2, 3, 30, 41)),
        ([tissue_region(50, 2, 99, 29, 0.01)], None, None),
        ([tissue_region(20, 20, 10, 10, 0.01)], None, None),
        # Halved: of a B-mode in the left half, above or beside a Doppler, the new frame has the very edges.
        ([tissue_region(0, 5, 40, 50, 0.01), doppler(41, 5, 81, 50)], None, None),
        ([tissue_region(0, 0, 40, 29, 0.01), doppler(0, 30, 81, 59)], None, None),
        # Cut below, with what stood beside it still whole, or cut away.
        ([tissue_region(1, 2, 40, 59, 0.01), doppler(0, 60, 40, 80)], 0.1, PixelBox(2, 1, 30, 41)),
        ([tissue_region(2**32 - 5, 0, 2**32 - 1, 9, 0.01)], None, None),
        ([tissue_region(0, 0, 9, 9, 0.01), tissue_region(0, 0, 99, 9, 0.01)], None, None),
        # A dual view of one scale has a spacing, and no one region; of two scales it has neither.
        ([tissue_region(0, 0, 9, 9, 0.01), tissue_region(20, 0, 29, 9, 0.01)], 0.1, None),
        ([tissue_region(0, 0, 9, 9, 0.01), tissue_region(20, 0, 29, 9, 0.02)], None, None),
        # The same region named twice is one.
        ([tissue_region(0, 0, 9, 9, 0.01), tissue_region(0, 0, 9, 9, 0.01)], 0.1, PixelBox(0, 0, 10, 10)),
        ([tissue_region(0, 0, 9, 9, float("nan"))], None, PixelBox(0, 0, 10, 10)),
    ],
)
def test_regions_and_what_is_not_believed(
    tmp_path: Path, items: list, mm_per_px: float | None, region: PixelBox | None
) -> None:
    frame = decode_image(write_dicom(tmp_path / "a", cine(height=30)[0], **regions(*items)))
    assert (frame.mm_per_px, frame.region) == (mm_per_px and pytest.approx(mm_per_px), region)


def test_what_names_no_region_is_not_taken_whole_silently(tmp_path: Path) -> None:
    for path in (write_dicom(tmp_path / "a.dcm", scan(1)), save(tmp_path / "a.png", scan(1))):
        with pytest.raises(InputError, match=rf"one region of 2-D tissue.*{path}"):
            frames_of(path, crop="region")
        with pytest.raises(InputError, match=rf"one region of 2-D tissue.*{path}"):
            cropped(decode_image(path), "region")
        (frame,) = frames_of(path)
        assert frame.name == str(path)
        np.testing.assert_array_equal(frame.decode().pixels, scan(1))


def test_a_region_beside_its_frame_is_refused() -> None:
    with pytest.raises(InputError, match="a region inside 40x30 px"):
        Frame(np.zeros((30, 40), np.uint8), "a", region=PixelBox(0, 0, 31, 40))


def test_a_picture_is_one_frame_decoded_when_asked_for(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", scan(1))
    recording = frames_of(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert recording.frames == 1
    (frame,) = recording
    with pytest.raises(InputError, match=r"a\.png: truncated PNG"):
        frame.decode()


@pytest.mark.parametrize("content", [None, b""])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match="no such file" if content is None else "empty"):
        frames_of(tmp_path / "a")
