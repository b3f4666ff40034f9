"""`edge-nt run` from the command line: its options, and what it says."""

from pathlib import Path

import block_bundle
import cv2
import pytest
from result_lines import lines

from edge_nt.cli.app import main


@pytest.mark.parametrize(("option", "value"), [("--jobs", "0"), ("--threads", "0"), ("--backend", "abacus")])
def test_options_that_make_no_sense_are_one_clear_line(
    bundle_folder: Path, scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert main(["run", str(bundle_folder), str(scans), "--out", str(tmp_path / "out"), option, value]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert option in error
    assert not (tmp_path / "out").exists()


def test_the_command_says_how_it_runs_and_how_fast(
    bundle_folder: Path, scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", str(bundle_folder), str(scans), "--out", str(tmp_path / "out"), "--backend", "onnxruntime"]
    assert main([*arguments, "--jobs", "2"]) == 0
    printed = capsys.readouterr().out
    assert "Backend: onnxruntime (as asked), jobs: 2" in printed
    assert "frames/s" in printed
    for line in lines(tmp_path / "out"):
        assert line["backend"] == "onnxruntime"
        assert line["times"]["read_ms"] > 0
        assert line["times"]["output_ms"] > 0


def test_options_choose_what_is_written_and_a_second_run_takes_none_of_it_as_input(
    bundle_folder: Path, scans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = scans / "out"
    arguments = ["run", str(bundle_folder), str(scans), "--out", str(out), "--latents", "parquet", "--video", "10"]
    for _ in range(2):
        assert main([*arguments]) == 0
        assert {entry.name for entry in out.iterdir()} == {
            "results.jsonl", "latents.parquet", "reconstructions", "video"
        }  # fmt: skip
        assert "3 of 3 frames" in capsys.readouterr().out
    assert main([*arguments[:5], "--no-pictures", "--latents", "none"]) == 0
    assert [entry.name for entry in out.iterdir()] == ["results.jsonl"]
    assert main([*arguments[:5], "--latents", "csv"]) == 2
    assert "--latents of npz, parquet, none" in capsys.readouterr().err


def test_every_frame_of_a_video_is_a_frame_of_the_run(
    bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = tmp_path / "in"
    scans.mkdir()
    video = cv2.VideoWriter(str(scans / "b.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (320, 240), isColor=True)
    for number in range(5):
        video.write(cv2.cvtColor(block_bundle.scan(number, 240, 320), cv2.COLOR_GRAY2BGR))
    video.release()
    cv2.imwrite(str(scans / "a.png"), block_bundle.scan(9, 240, 320))
    assert main(["run", str(bundle_folder), str(scans), "--out", str(tmp_path / "out")]) == 0
    assert "6 of 6 frames" in capsys.readouterr().out
    names = [Path(line["file"]).name for line in lines(tmp_path / "out")]
    assert names == ["a.png", *(f"b.avi#{number}" for number in range(1, 6))]
    # No file here names a region: asked for it, every file fails with its own line.
    assert main(["run", str(bundle_folder), str(scans), "--out", str(tmp_path / "out"), "--crop-region"]) == 2
    assert "2 of 2 frames failed" in capsys.readouterr().err
    assert len(lines(tmp_path / "out")) == 2
