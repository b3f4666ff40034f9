"""Video files through the one door: every frame once, in order, with its time; and one clear error for damage."""

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scan_folders import save
from video_files import CODECS, moving_scans, write_video

from edge_nt.errors import EdgeNtError, InputError
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.recording import frames_of
from edge_nt.imaging.video import read_video_facts, video_frames

COUNT = 20


@pytest.mark.parametrize("suffix", CODECS)
def test_every_frame_comes_once_in_order_with_its_time(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    scans = moving_scans(COUNT)
    path = write_video(tmp_path / f"a{suffix}", scans)
    capfd.readouterr()
    recording = frames_of(path)
    assert (recording.frames, recording.random_access) == (None, False)
    frames = list(recording)
    assert [frame.name for frame in frames] == [f"{path}#{number}" for number in range(1, COUNT + 1)]
    assert [frame.index for frame in frames] == list(range(COUNT))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(COUNT) / 25, atol=1e-3)
    pixels = np.stack([frame.decode().pixels for frame in frames]).astype(float)
    # A lossy codec changes pixels, and yet no frame is nearer to another than to its own.
    distance = np.abs(pixels[:, None] - np.stack(scans)[None].astype(float)).mean((2, 3))
    assert (distance.argmin(1) == np.arange(COUNT)).all()
    assert distance.diagonal().max() < 6
    # Asked for again, it starts again.
    np.testing.assert_array_equal(next(iter(recording)).decode().pixels, pixels[0])
    assert capfd.readouterr() == ("", "")


def test_a_lossless_video_keeps_its_gray(tmp_path: Path) -> None:
    scans = moving_scans(5)
    path = write_video(tmp_path / "a.avi", scans, codec="FFV1")
    read = [frame.frame.pixels for frame in video_frames(path)]
    np.testing.assert_array_equal(np.stack(read), np.stack(scans))


def frames_and_error(path: Path) -> tuple[int, str]:
    """How many frames come, and what the last one says instead of one."""
    *whole, last = frames_of(path)
    for frame in whole:
        frame.decode()
    with pytest.raises(InputError) as caught:
        last.decode()
    assert "\n" not in str(caught.value)
    assert last.name == f"{path}#{len(whole) + 1}"
    return len(whole), str(caught.value)


@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
def test_a_truncated_video_gives_its_whole_frames_and_one_error(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_video(tmp_path / f"a{suffix}", moving_scans(COUNT))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    capfd.readouterr()
    count, line = frames_and_error(path)
    assert COUNT // 3 < count < COUNT * 2 // 3
    assert f"{count} frames read" in line
    assert capfd.readouterr() == ("", "")


def test_frames_that_are_missing_without_a_trace_are_missed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "a.avi", moving_scans(COUNT))
    whole = path.read_bytes()
    place = whole.index(b"movi")
    for _ in range(13):
        place = whole.index(b"00dc", place + 4)
    # Cut between two frames, where FFmpeg finds nothing to complain of.
    path.write_bytes(whole[:place])
    capfd.readouterr()
    count, line = frames_and_error(path)
    assert count == 12
    assert f"truncated video; 12 frames read of {COUNT}" in line
    assert capfd.readouterr() == ("", "")


def test_a_frame_longer_than_its_file_is_refused_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "a.mp4", moving_scans(COUNT))
    data = bytearray(path.read_bytes())
    # The table of sample sizes: its name, version, a size for all (0: none), their number, then one for each.
    sizes = data.index(b"stsz") + 16
    data[sizes + 4 * (COUNT - 1) : sizes + 4 * COUNT] = (15_000_000).to_bytes(4, "big")
    path.write_bytes(data)
    capfd.readouterr()
    count, line = frames_and_error(path)
    assert count == COUNT - 1
    assert "Truncating packet of size 15000000" in line
    assert capfd.readouterr() == ("", "")


def test_an_mp4_without_its_index_is_refused_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "a.mp4", moving_scans(COUNT))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    capfd.readouterr()
    with pytest.raises(InputError, match=r"a\.mp4: a video that cannot be opened.*moov"):
        frames_of(path)
    assert capfd.readouterr() == ("", "")


def test_a_video_ends_at_its_first_damaged_frame(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "a.avi", moving_scans(COUNT), codec="FFV1")
    data = bytearray(path.read_bytes())
    whole_before = data[data.index(b"movi") : len(data) // 2].count(b"00dc") - 1
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    capfd.readouterr()
    count, line = frames_and_error(path)
    assert count == whole_before
    assert "damaged video" in line
    assert "CRC" in line
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["OPENCV_FFMPEG_LOGLEVEL", "OPENCV_FFMPEG_DEBUG"])
def test_no_video_is_read_where_ffmpeg_is_kept_from_telling_of_damage(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.avi", moving_scans(2))
    monkeypatch.setenv(name, "-8")
    with pytest.raises(InputError, match=f"unset {name}"):
        next(video_frames(path))


def test_no_name_makes_ffmpeg_open_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = write_video(tmp_path / "a.avi", moving_scans(3))
    monkeypatch.chdir(tmp_path)
    # FFmpeg takes the first for a numbered sequence of pictures and the second for a list of files.
    for name in ("scan%d.png", "concat:a.avi|a.avi", "-i.avi"):
        Path(name).write_bytes(video.read_bytes())
        assert len(list(frames_of(Path(name)))) == 3
    lists = {
        "a.m3u8": "#EXTM3U\n#EXTINF:1,\na.avi\n#EXT-X-ENDLIST\n",
        "list.mp4": f"ffconcat version 1.0\nfile '{video}'\n",
        "a.sdp": "v=0\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    }
    for name, content in lists.items():
        Path(name).write_text(content)
        with pytest.raises(InputError, match="not a PNG"):
            next(iter(frames_of(Path(name)))).decode()
        with pytest.raises(InputError, match="not an AVI"):
            next(video_frames(Path(name)))
    for name in ("http://127.0.0.1:9/a.mp4", "rtsp://127.0.0.1:9/a", "/dev/video0", "pipe:0"):
        with pytest.raises(InputError):
            frames_of(Path(name))


def test_a_video_of_absurd_size_is_refused_before_its_first_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", moving_scans(2), codec="FFV1")
    data = bytearray(path.read_bytes())
    # BITMAPINFOHEADER, after the name of the chunk and its length: size, width, height.
    size = data.index(b"strf") + 12
    data[size : size + 8] = np.array([9_000, 9_000], "<i4").tobytes()
    path.write_bytes(data)
    with pytest.raises(InputError, match="64 megapixels"):
        frames_of(path)


def test_a_video_is_no_single_image(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", moving_scans(2))
    with pytest.raises(InputError, match="a video, of many frames"):
        decode_image(path)


def test_a_container_without_video_is_refused(tmp_path: Path) -> None:
    for name, start in (
        ("a.avi", b"RIFF\x00\x00\x00\x00AVI "),
        ("a.mkv", b"\x1a\x45\xdf\xa3"),
        ("a.mp4", b"\0\0\0\x14ftypisom"),
    ):
        (tmp_path / name).write_bytes(start + bytes(200))
        with pytest.raises(InputError, match=r"a\.\w+"):
            frames_of(tmp_path / name)


def test_facts_are_the_container_s(tmp_path: Path) -> None:
    facts = read_video_facts(write_video(tmp_path / "a.mp4", moving_scans(7), fps=30.0))
    assert (facts.height, facts.width, facts.fps, facts.frames) == (96, 128, 30.0, 7)


@pytest.mark.parametrize("suffix", CODECS)
def test_damaged_bytes_never_escape_the_error_tree(tmp_path: Path, suffix: str) -> None:
    whole = write_video(tmp_path / f"a{suffix}", moving_scans(6, 48, 64)).read_bytes()
    rng = np.random.default_rng(len(suffix))
    path = tmp_path / f"damaged{suffix}"
    for case in range(30):
        data = np.frombuffer(whole, np.uint8).copy()
        flips = rng.integers(1, 40)
        data[rng.integers(0, data.size if case % 2 else 600, flips)] = rng.integers(0, 256, flips)
        path.write_bytes(data[: rng.integers(1, data.size) if case % 3 == 0 else None].tobytes())
        with contextlib.suppress(EdgeNtError):
            for frame in frames_of(path):
                assert frame.decode().pixels.ndim == 2


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors through /proc")
def test_an_unfinished_video_leaves_nothing_open(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", moving_scans(4))
    next(iter(frames_of(path))).decode()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        next(iter(frames_of(path))).decode()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_picture_imports_nothing_of_dicom_and_video(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from edge_nt.imaging.recording import frames_of;"
        f"[frame.decode() for frame in frames_of(Path({str(save(tmp_path / 'a.png', moving_scans(1)[0]))!r}))];"
        "sys.exit(any(name in sys.modules for name in ('pydicom', 'edge_nt.imaging.video')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
