import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import block_bundle
import cv2
import numpy as np
import pytest
from dicom_scans import write_dicom

from edge_nt.cli.app import main
from edge_nt.errors import InputError
from edge_nt.results import read_result
from edge_nt.runtime import load
from edge_nt.sinks.archive_format import read_archive, write_archive
from edge_nt.sources.files import FileSource
from edge_nt.sources.source import Offer
from edge_nt.stream.decode import decode_archive
from edge_nt.stream.encode import encode_frames
from edge_nt.stream.latent_cost import LatentCost


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, size in enumerate(((240, 320), (101, 77), (600, 800))):
        cv2.imwrite(str(folder / f"{number}.png"), block_bundle.scan(number, *size))
    write_dicom(folder / "3.dcm", np.stack([block_bundle.scan(each, 60, 80) for each in (7, 8)]))
    return folder


def test_frames_come_back_as_the_decoder_draws_their_float16_latents(
    bundle_folder: Path, scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, out = tmp_path / "scans.npz", tmp_path / "out"
    assert main(["encode", str(scans), "--bundle", str(bundle_folder), "--out", str(archive), "--jobs", "2"]) == 0
    assert "5 frames" in capsys.readouterr().out
    assert main(["decode", str(archive), "--bundle", str(bundle_folder), "--out", str(out)]) == 0
    reconstructor = load(bundle_folder)
    lines = [json.loads(line) for line in (out / "frames.jsonl").read_text().splitlines()]
    assert [Path(line["file"]).name for line in lines[:3]] == ["0.png", "1.png", "2.png"]
    assert [line["mm_per_px"] for line in lines] == [None] * 3 + [pytest.approx(0.123)] * 2
    for number in range(3):
        expected = reconstructor.score_file(scans / f"{number}.png")
        line = lines[number]
        assert line["ood_score"] == pytest.approx(expected.ood_score)
        assert line["in_distribution"] == expected.in_distribution
        picture = cv2.imread(str(out / line["reconstruction"]), cv2.IMREAD_UNCHANGED)
        assert picture.shape == (expected.source_height_px, expected.source_width_px)
        half = expected.latent.astype(np.float16).astype(np.float32)
        output = np.clip(reconstructor.session.decode(half[None])[0, 0], 0, 1)
        exact = replace(expected, network_output=output).source_image()
        np.testing.assert_array_equal(picture, exact)
        # float16 has 11 bits: a level on the way, another where the picture is enlarged.
        assert np.abs(picture.astype(int) - expected.source_image()).max() <= 2


def test_an_archive_takes_256_bytes_a_frame_and_its_name(bundle_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(40):
        cv2.imwrite(str(folder / f"{number}.png"), block_bundle.scan(number, 60, 80))
    sizes = []
    for count in (20, 40):
        files = [str(path) for path in sorted(folder.iterdir())[:count]]
        arguments = ["--bundle", str(bundle_folder), "--out", str(tmp_path / "a.npz"), "--nameless"]
        assert main(["encode", *files, *arguments]) == 0
        sizes.append((tmp_path / "a.npz").stat().st_size)
    per_frame = (sizes[1] - sizes[0]) / 20
    assert 256 < per_frame < 256 + 60
    assert read_archive(tmp_path / "a.npz").names == tuple(f"frame-{number}" for number in range(40))


def test_another_decoder_is_refused(bundle_folder: Path, scans: Path, tmp_path: Path) -> None:
    other = block_bundle.write(tmp_path / "other", offset=0.1)
    assert main(["encode", str(scans), "--bundle", str(bundle_folder), "--out", str(tmp_path / "a.npz")]) == 0
    with pytest.raises(InputError, match=r"bundle that the archive was made with.*mean nothing"):
        decode_archive(read_archive(tmp_path / "a.npz"), [load(other)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_broken_frame_costs_only_itself_and_no_frame_is_no_archive(
    bundle_folder: Path, scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (scans / "1.png").write_bytes(b"no picture")
    arguments = ["--bundle", str(bundle_folder), "--out", str(tmp_path / "a.npz")]
    assert main(["encode", str(scans), *arguments]) == 2
    assert "1 frames failed" in capsys.readouterr().err
    assert len(read_archive(tmp_path / "a.npz").names) == 4
    (tmp_path / "a.npz").unlink()
    assert main(["encode", str(scans / "1.png"), *arguments]) == 2
    assert not (tmp_path / "a.npz").exists()


def test_a_latent_that_float16_cannot_hold_is_refused_with_its_name(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loud = block_bundle.write(tmp_path / "loud", latent_gain=1e5, decoder_gain=1e-5)
    assert main(["encode", str(scans / "0.png"), "--bundle", str(loud), "--out", str(tmp_path / "a.npz")]) == 2
    error = capsys.readouterr().err
    assert "65504" in error
    assert "0.png" in error


def test_names_of_an_archive_are_no_paths(bundle_folder: Path, scans: Path, tmp_path: Path) -> None:
    arguments = ["--bundle", str(bundle_folder), "--out", str(tmp_path / "a.npz")]
    assert main(["encode", str(scans), *arguments]) == 0
    read = read_archive(tmp_path / "a.npz")
    names = ("../../evil.png", "/etc/..", "x" * 500, "", "a\0b\n\udcff.png")
    object.__setattr__(read, "names", names)
    write_archive(tmp_path / "evil.npz", read)
    decode_archive(read_archive(tmp_path / "evil.npz"), [load(bundle_folder)], tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["frames.jsonl", "reconstructions"]
    pictures = sorted(path.name for path in (tmp_path / "out" / "reconstructions").iterdir())
    assert [name[:5] for name in pictures] == [f"{number:05d}" for number in range(5)]
    assert pictures[0] == "00000-evil.png"


def test_a_folder_of_somebody_else_is_left_alone(bundle_folder: Path, scans: Path, tmp_path: Path) -> None:
    assert main(["encode", str(scans), "--bundle", str(bundle_folder), "--out", str(tmp_path / "a.npz")]) == 0
    with pytest.raises(InputError, match=r"earlier decoding.*png"):
        decode_archive(read_archive(tmp_path / "a.npz"), [load(bundle_folder)], scans)
    out = tmp_path / "out"
    for _ in range(2):
        decode_archive(read_archive(tmp_path / "a.npz"), [load(bundle_folder)], out)
    assert len(list((out / "reconstructions").iterdir())) == 5


@pytest.mark.parametrize("ending", [["--out", "a.zip"], ["--out", "a.npz", "--cost", "cost.json"]])
def test_options_that_cannot_be_meant_are_refused(scans: Path, ending: list[str]) -> None:
    assert main(["encode", str(scans), *ending]) == 2
    assert not Path(ending[1]).exists()


def test_the_cost_of_float16_is_measured_by_hospital_inside_the_region(
    bundle_folder: Path, dataset_folder: Path, tmp_path: Path
) -> None:
    arguments = ["--bundle", str(bundle_folder), "--out", str(tmp_path / "a.npz"), "--cost", str(tmp_path / "c.json")]
    assert main(["encode", str(dataset_folder), *arguments]) == 0
    cost = read_result(tmp_path / "c.json", LatentCost)
    assert {group.hospital for group in cost.groups} == {"east", "west", "north"}
    assert sum(group.frames for group in cost.groups) == 12
    # The same again, by the frames themselves.
    reconstructor = load(bundle_folder)
    group = cost.groups[0]
    files = [dataset_folder / group.hospital / f"{number}.png" for number in range(2)]
    means = []
    for file in files:
        result = reconstructor.score_file(file)
        half = result.latent.astype(np.float16).astype(np.float32)
        output = np.clip(reconstructor.session.decode(half[None])[0, 0], 0, 1)
        means.append(np.abs(output - result.network_output).mean() * 255)
    assert (group.split, group.roi_frames) == ("train", 2)
    assert group.mean_difference_grey_levels == pytest.approx(np.mean(means), rel=1e-6)
    assert 0 < group.mean_difference_grey_levels < group.max_difference_grey_levels < 0.13
    assert group.float16_roi_mae == pytest.approx(group.float32_roi_mae, abs=5e-4)
    assert group.float16_roi_mae != group.float32_roi_mae


class InterruptedSource:
    """Two frames of a folder, then Ctrl-C."""

    name, live = "files", False

    def __init__(self, files: list[Path]) -> None:
        self._files = FileSource(files)

    def offers(self) -> Iterator[Offer]:
        yield from islice(self._files.offers(), 2)
        raise KeyboardInterrupt

    def stop(self) -> None:
        self._files.stop()


def test_an_interrupted_encoding_leaves_the_archive_as_it_was(bundle_folder: Path, scans: Path, tmp_path: Path) -> None:
    crew, files, out = [load(bundle_folder)], sorted(scans.glob("*.png")), tmp_path / "out" / "a.npz"
    with pytest.raises(KeyboardInterrupt):
        encode_frames(crew, InterruptedSource(files), out)
    assert not out.parent.exists()
    assert encode_frames(crew, FileSource(files), out).frames == 3
    before = out.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        encode_frames(crew, InterruptedSource(files), out)
    assert [path.read_bytes() for path in out.parent.iterdir()] == [before]


def test_a_decoding_that_is_stopped_leaves_nothing(bundle_folder: Path, scans: Path, tmp_path: Path) -> None:
    archive = tmp_path / "many.npz"
    encode_frames([load(bundle_folder)], FileSource(sorted(scans.rglob("*.png")) * 60), archive)
    command = ["decode", str(archive), "--bundle", str(bundle_folder), "--out", str(tmp_path / "out" / "pictures")]
    script = "from edge_nt.cli.app import entry_point; entry_point()"
    process = subprocess.Popen([sys.executable, "-c", script, *command, "--jobs", "1"], stderr=subprocess.DEVNULL)
    until_s = time.monotonic() + 30
    while not list(tmp_path.glob("out/.edge-nt-partial-*/*/*.png")):
        assert process.poll() is None
        assert time.monotonic() < until_s
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143
    assert not list((tmp_path / "out").iterdir())
