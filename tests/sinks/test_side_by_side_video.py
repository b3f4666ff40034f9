import signal
import subprocess
import sys
from pathlib import Path

import block_bundle
import cv2
import numpy as np
import pytest
from finished_frames import finished, write_all

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.runtime import Reconstructor, load
from edge_nt.sinks import side_by_side_video
from edge_nt.sinks.side_by_side_video import SideBySideVideo
from edge_nt.sinks.sink import FinishedFrame
from edge_nt.sources.source import FilePlace


@pytest.fixture
def reconstructor(bundle_folder: Path) -> Reconstructor:
    return load(bundle_folder)


def read(path: Path) -> list[np.ndarray]:
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    pictures = []
    while True:
        taken, picture = video.read()
        if not taken:
            return pictures
        # A gray video comes back as three equal channels.
        assert (picture == picture[..., :1]).all()
        pictures.append(picture[..., 0])


def panels(frame: FinishedFrame) -> np.ndarray:
    return np.hstack([frame.frame.pixels, frame.picture])


@pytest.mark.parametrize(("height", "width"), [(120, 160), (121, 161), (7, 3)])
def test_every_frame_comes_back_to_the_bit(
    reconstructor: Reconstructor, tmp_path: Path, height: int, width: int
) -> None:
    frames = [finished(reconstructor, block_bundle.scan(each, height, width)) for each in range(12)]
    said = write_all(SideBySideVideo(tmp_path, 25), frames)
    assert said == [{"video": "video/00000000.mkv", "video_frame": each} for each in range(12)]
    pictures = read(tmp_path / "video/00000000.mkv")
    assert len(pictures) == 12
    for picture, frame in zip(pictures, frames, strict=True):
        np.testing.assert_array_equal(picture[:height, : 2 * width], panels(frame))
        assert picture[height:].sum() == picture[:, 2 * width :].sum() == 0
    assert cv2.VideoCapture(str(tmp_path / "video/00000000.mkv")).get(cv2.CAP_PROP_FPS) == 25


def test_the_error_panel_is_the_absolute_difference(reconstructor: Reconstructor, tmp_path: Path) -> None:
    frame = finished(reconstructor, block_bundle.scan(1, 60, 80))
    write_all(SideBySideVideo(tmp_path, error_panel=True), [frame])
    (picture,) = read(tmp_path / "video/00000000.mkv")
    difference = np.abs(frame.frame.pixels.astype(int) - frame.picture)
    assert difference.max() > 0
    np.testing.assert_array_equal(picture[:, 160:], difference)


def test_a_source_whose_size_changes_begins_a_new_file(reconstructor: Reconstructor, tmp_path: Path) -> None:
    sizes = [(60, 80), (60, 80), (80, 60), (60, 80)]
    frames = [finished(reconstructor, block_bundle.scan(each, *size)) for each, size in enumerate(sizes)]
    said = write_all(SideBySideVideo(tmp_path), frames)
    assert [(line["video"][6:14], line["video_frame"]) for line in said] == [
        ("00000000", 0),
        ("00000000", 1),
        ("00000002", 0),
        ("00000003", 0),
    ]
    assert [len(read(path)) for path in sorted((tmp_path / "video").iterdir())] == [2, 1, 1]


def test_still_images_of_another_size_are_fitted_into_the_first(reconstructor: Reconstructor, tmp_path: Path) -> None:
    place = FilePlace(tmp_path / "a.png", 1, 1)
    frames = [finished(reconstructor, np.full(size, 200, np.uint8), place=place) for size in ((60, 80), (30, 80))]
    write_all(SideBySideVideo(tmp_path), frames)
    _, second = read(tmp_path / "video/00000000.mkv")
    assert (second[15:45, :80] == 200).all()
    assert second[:15].sum() == second[45:].sum() == 0


def test_a_file_holds_a_bounded_number_of_frames(
    reconstructor: Reconstructor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side_video, "FRAMES_PER_FILE", 3)
    frame = finished(reconstructor, block_bundle.scan(1, 60, 80))
    write_all(SideBySideVideo(tmp_path), [frame] * 7)
    assert [len(read(path)) for path in sorted((tmp_path / "video").iterdir())] == [3, 3, 1]


def test_what_cannot_be_opened_or_played_is_refused(
    reconstructor: Reconstructor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="frame rate"):
        SideBySideVideo(tmp_path, 0)
    monkeypatch.setattr(side_by_side_video, "_CODEC", cv2.VideoWriter_fourcc(*"ZZZZ"))
    frame = finished(reconstructor, block_bundle.scan(1, 60, 80))
    with pytest.raises(MissingDependencyError, match="FFV1"):
        write_all(SideBySideVideo(tmp_path), [frame])


SCRIPT = """
import resource, signal, sys, time
sys.path[:0] = sys.argv[3:]
from pathlib import Path
import block_bundle
from finished_frames import finished
from edge_nt.runtime import load
from edge_nt.sinks.side_by_side_video import SideBySideVideo
reconstructor = load(sys.argv[1])
frames = [finished(reconstructor, block_bundle.scan(each, 480, 640)) for each in range(3)]
{limit}
with SideBySideVideo(Path(sys.argv[2])) as sink:
    for number in range({frames}):
        sink.prepare(frames[number % 3])(number)
    print("written", flush=True)
    time.sleep({sleep})
"""


ROOM_AGAIN = """
import resource, signal, sys, time
sys.path[:0] = sys.argv[3:]
from pathlib import Path
import block_bundle
from finished_frames import finished
from edge_nt.errors import InputError
from edge_nt.runtime import load
from edge_nt.sinks import side_by_side_video
reconstructor = load(sys.argv[1])
frames = [finished(reconstructor, block_bundle.scan(each, 480, 640)) for each in range(3)]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
said = []
side_by_side_video._AGAIN_S, side_by_side_video._FRAMES_WITHOUT_GROWTH = 0.05, 60
with side_by_side_video.SideBySideVideo(Path(sys.argv[2])) as sink:
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    for number in range(220):
        if number == 180:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            time.sleep(0.05)
        try:
            sink.prepare(frames[number % 3])(number)
        except (InputError, OSError) as error:
            said.append((number, type(error).__name__))
            time.sleep(0.005)
numbers, kinds = zip(*said)
assert numbers == tuple(range(numbers[0], 180)), said
# The first, those that are not asked for a while, and the attempts in between.
assert kinds[:2] == ("InputError", "InputError") and kinds.count("InputError") > kinds.count("OSError") > 1, said
print(sorted(path.name for path in (Path(sys.argv[2]) / "video").iterdir()))
"""


def start(script: str, bundle: Path, out: Path) -> subprocess.Popen:
    paths = [str(Path(__file__).parents[1]), str(Path(side_by_side_video.__file__).parents[2])]
    return subprocess.Popen(
        [sys.executable, "-c", script, str(bundle), str(out), *paths],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_process_leaves_a_video_that_plays_up_to_near_its_end(
    bundle_folder: Path, reconstructor: Reconstructor, tmp_path: Path
) -> None:
    process = start(SCRIPT.format(limit="", frames=90, sleep=60), bundle_folder, tmp_path)
    assert process.stdout.readline() == "written\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    pictures = read(tmp_path / "video/00000000.mkv")
    assert len(pictures) > 45
    expected = [panels(finished(reconstructor, block_bundle.scan(each, 480, 640))) for each in range(3)]
    # The last one may be cut.
    for number, picture in enumerate(pictures[:-1]):
        np.testing.assert_array_equal(picture, expected[number % 3])


@pytest.mark.parametrize(("frames", "got"), [(100, "frames"), (2000, "no growth since")])
def test_a_full_disk_ends_the_video_with_an_error(bundle_folder: Path, tmp_path: Path, frames: int, got: str) -> None:
    # A limit on the size of files is the disk that is full: OpenCV's writes fail and it says nothing.
    limit = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20,) * 2)"
    process = start(SCRIPT.format(limit=limit, frames=frames, sleep=0), bundle_folder, tmp_path)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "InputError: Expected" in complaints
    assert got in complaints.splitlines()[-1]
    assert "make room on the disk" in complaints


def test_after_a_quota_another_file_is_begun_once_there_is_room(bundle_folder: Path, tmp_path: Path) -> None:
    process = start(ROOM_AGAIN, bundle_folder, tmp_path)
    listed, complaints = process.communicate(timeout=60)
    assert process.returncode == 0, complaints
    assert listed == "['00000000.mkv', '00000180.mkv']\n"
    assert len(read(tmp_path / "video/00000180.mkv")) == 40
