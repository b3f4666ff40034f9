import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import block_bundle
import cv2
import numpy as np
import pytest

from edge_nt.cli.app import main
from edge_nt.errors import InputError
from edge_nt.runtime import load
from edge_nt.runtime.frame_run import run_frames


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    for name in ("a/1.png", "b/1.png", "c.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), block_bundle.scan(len(name) + ord(name[0]), 240, 320))
    return folder


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


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
    summary = run_frames(load(bundle_folder), [tmp_path / "x.png"], tmp_path / "out")
    assert (summary.frames, len(summary.failed)) == (0, 1)
    assert len(lines(tmp_path / "out")) == 1


def test_a_second_run_replaces_the_first_and_leaves_nothing_of_it(
    bundle_folder: Path, scans: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    reconstructor = load(bundle_folder)
    run_frames(reconstructor, sorted(scans.rglob("*.png")), out)
    run_frames(reconstructor, [scans / "c.png"], out)
    assert len(lines(out)) == len(list((out / "reconstructions").iterdir())) == 1


def test_a_folder_with_other_files_is_refused_and_untouched(bundle_folder: Path, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"thesis\.tex"):
        run_frames(load(bundle_folder), [scans / "c.png"], tmp_path / "out")
    with pytest.raises(InputError, match="as --out"):
        run_frames(load(bundle_folder), [scans / "c.png"], scans / "c.png")
    assert (tmp_path / "out" / "thesis.tex").exists()


def test_a_place_that_cannot_be_written_is_one_clear_line(bundle_folder: Path, scans: Path) -> None:
    with pytest.raises(InputError, match="can be written"):
        run_frames(load(bundle_folder), [scans / "c.png"], scans / "c.png" / "out")


def test_a_killed_run_leaves_no_folder_that_looks_whole(bundle_folder: Path, tmp_path: Path) -> None:
    scans = tmp_path / "in"
    scans.mkdir()
    for index in range(400):
        cv2.imwrite(str(scans / f"{index}.png"), block_bundle.scan(index % 3, 480, 640))
    code = "import sys; from edge_nt.cli.app import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "run", str(bundle_folder), str(scans)]
    process = subprocess.Popen([*command, "--out", str(tmp_path / "out")], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    # Killed in the middle: some pictures are there, not all.
    while not list(tmp_path.glob(".edge-nt-partial-*/reconstructions/00005-*.png")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    assert main(["run", str(bundle_folder), str(scans / "0.png"), "--out", str(tmp_path / "out")]) == 0
    assert len(lines(tmp_path / "out")) == 1
