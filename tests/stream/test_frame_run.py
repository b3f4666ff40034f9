"""A run over files: every frame a line, whatever the number of jobs, and the folder whole or as it was."""

import resource
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import block_bundle
import cv2
import numpy as np
import pytest
from result_lines import lines

from edge_nt.cli.app import main
from edge_nt.errors import InputError
from edge_nt.imaging.crop import Crop
from edge_nt.imaging.recording import RecordedFrame, Recording
from edge_nt.runtime import load
from edge_nt.runtime.crew import load_crew
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.runtime.session import Session
from edge_nt.sources import files as files_room
from edge_nt.sources.files import FileSource
from edge_nt.stream.frame_run import run_frames


def test_every_frame_gets_a_line_a_picture_and_a_latent(bundle_folder: Path, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["run", str(bundle_folder), str(scans), "--out", str(out)]) == 0
    results = lines(out)
    assert [Path(line["file"]).relative_to(scans).as_posix() for line in results] == ["a/1.png", "b/1.png", "c.png"]
    archive = np.load(out / "latents.npz", allow_pickle=False)
    reconstructor = load(bundle_folder)
    for line in results:
        expected = reconstructor.score_file(line["file"])
        picture = cv2.imread(str(out / line["reconstruction"]), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(picture, expected.source_image())
        assert line["ood_score"] == pytest.approx(expected.ood_score)
        assert line["in_distribution"] == (line["ood_score"] <= line["ood_threshold"])
        components = line["ood"]["components"]
        assert list(components) == ["latent distance", "reconstruction error", "signals"]
        assert line["ood_score"] == pytest.approx(np.mean([part["deviations"] for part in components.values()]))
        assert line["ood"]["reason"] == expected.ood.reason
        assert line["ood"]["latent_distance"] == pytest.approx(expected.ood.latent_distance)
        assert line["times"]["total_ms"] > 0
        assert archive["files"][line["latent_row"]] == line["file"]
        np.testing.assert_allclose(archive["latents"][line["latent_row"]], expected.latent)


def test_a_broken_frame_costs_only_itself(
    bundle_folder: Path, scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (scans / "b" / "1.png").write_bytes((scans / "b" / "1.png").read_bytes()[:100])
    assert main(["run", str(bundle_folder), str(scans), "--out", str(tmp_path / "out")]) == 2
    assert "1 of 3 frames failed" in capsys.readouterr().err
    results = lines(tmp_path / "out")
    assert ["error" in line for line in results] == [False, True, False]
    assert "Expected" in results[1]["error"]
    assert np.load(tmp_path / "out" / "latents.npz")["latents"].shape == (2, 128)


def test_only_broken_frames_still_leave_a_whole_folder(bundle_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"nothing like a picture")
    summary = run_frames([load(bundle_folder)], FileSource([tmp_path / "x.png"]), tmp_path / "out")
    assert (summary.frames, summary.failed) == (0, 1)
    assert len(lines(tmp_path / "out")) == 1


def test_a_second_run_replaces_the_first_and_leaves_nothing_of_it(
    bundle_folder: Path, scans: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    reconstructor = load(bundle_folder)
    run_frames([reconstructor], FileSource(sorted(scans.rglob("*.png"))), out)
    run_frames([reconstructor], FileSource([scans / "c.png"]), out)
    assert len(lines(out)) == len(list((out / "reconstructions").iterdir())) == 1


def test_a_folder_with_other_files_is_refused_and_untouched(bundle_folder: Path, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"thesis\.tex"):
        run_frames([load(bundle_folder)], FileSource([scans / "c.png"]), tmp_path / "out")
    with pytest.raises(InputError, match="as --out"):
        run_frames([load(bundle_folder)], FileSource([scans / "c.png"]), scans / "c.png")
    assert (tmp_path / "out" / "thesis.tex").exists()


def test_a_place_that_cannot_be_written_is_one_clear_line(bundle_folder: Path, scans: Path) -> None:
    with pytest.raises(InputError, match="can be written"):
        run_frames([load(bundle_folder)], FileSource([scans / "c.png"]), scans / "c.png" / "out")


def without_times(out: Path) -> list[dict]:
    return [{key: value for key, value in line.items() if key != "times"} for line in lines(out)]


def test_any_number_of_jobs_gives_the_same_results_to_the_bit(bundle_folder: Path, tmp_path: Path) -> None:
    scans = tmp_path / "in"
    scans.mkdir()
    # Frames of unlike sizes finish out of order; one cannot be read at all.
    for index in range(24):
        side = 900 if index % 5 == 0 else 200
        suffix = ".jpg" if index % 3 == 0 else ".png"
        cv2.imwrite(str(scans / f"{index:02d}{suffix}"), block_bundle.scan(index, side, side + 50))
    (scans / "07.png").write_bytes(b"no picture")
    files = sorted(scans.iterdir())
    for jobs in (1, 3):
        summary = run_frames(load_crew(bundle_folder, jobs, threads=1), FileSource(files), tmp_path / f"out-{jobs}")
        assert (summary.frames, summary.failed) == (23, 1)
        assert summary.frames_per_s == pytest.approx(23 / summary.seconds)
    assert without_times(tmp_path / "out-1") == without_times(tmp_path / "out-3")
    first, second = (np.load(tmp_path / f"out-{jobs}" / "latents.npz") for jobs in (1, 3))
    np.testing.assert_array_equal(first["latents"], second["latents"])
    np.testing.assert_array_equal(first["files"], second["files"])
    for picture in sorted((tmp_path / "out-1" / "reconstructions").iterdir()):
        assert picture.read_bytes() == (tmp_path / "out-3" / "reconstructions" / picture.name).read_bytes()


class MeetingSession:
    """The session of a real bundle, whose encoder waits until `meeting` says that all others encode as well."""

    backend = "onnxruntime"

    def __init__(self, session: Session, meeting: threading.Barrier) -> None:
        self._session = session
        self._meeting = meeting

    def encode(self, images: np.ndarray) -> np.ndarray:
        self._meeting.wait(timeout=30)
        return self._session.encode(images)

    def decode(self, latents: np.ndarray) -> np.ndarray:
        return self._session.decode(latents)


def test_each_job_is_inside_its_own_session_at_the_same_time(bundle_folder: Path, scans: Path, tmp_path: Path) -> None:
    # One frame after another, the first one would wait for the second for ever, and the run would fail.
    meeting = threading.Barrier(2)
    crew = load_crew(bundle_folder, jobs=2, threads=1)
    assert crew[0].session is not crew[1].session
    meeting_crew = [Reconstructor(each.bundle, MeetingSession(each.session, meeting)) for each in crew]
    files = sorted(scans.rglob("*.png"))[:2]
    assert run_frames(meeting_crew, FileSource(files), tmp_path / "out").frames == 2


def test_a_result_that_cannot_be_written_ends_the_run_once_and_leaves_the_old_folder(
    bundle_folder: Path, scans: Path, tmp_path: Path
) -> None:
    crew, files = load_crew(bundle_folder, jobs=2), sorted(scans.rglob("*.png"))
    run_frames(crew, FileSource(files), tmp_path / "out")
    before = without_times(tmp_path / "out")
    # A limit on the size of files is the disk that is full: the lines pass it after some frames.
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(path.stat().st_size for path in files) * 2, unlimited[1]))
    try:
        with pytest.raises(InputError, match="can be written"):
            run_frames(crew, FileSource(files * 100), tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert without_times(tmp_path / "out") == before
    assert not list(tmp_path.glob(".edge-nt-partial-*"))


def test_a_library_that_raises_between_the_frames_of_a_file_costs_the_rest_of_that_file(
    bundle_folder: Path, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = files_room.frames_of

    def hostile(path: Path, crop: Crop) -> Recording:
        if path.name != "c.png":
            return opened(path, crop)

        def each() -> Iterator[RecordedFrame]:
            yield from opened(path, crop)
            raise struct.error("unpack requires a buffer of 4 bytes")

        return Recording(path, 2, False, each)

    monkeypatch.setattr(files_room, "frames_of", hostile)
    files = [scans / "c.png", scans / "a" / "1.png"]
    summary = run_frames([load(bundle_folder)], FileSource(files), tmp_path / "out")
    assert (summary.frames, summary.failed) == (2, 1)
    first, failed, last = lines(tmp_path / "out")
    assert (first["file"], last["file"]) == (str(files[0]), str(files[1]))
    assert f"Got struct.error for {files[0]}#2: unpack requires a buffer of 4 bytes" in failed["error"]
