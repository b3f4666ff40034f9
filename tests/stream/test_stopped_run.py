"""A run that is killed or stopped in the middle leaves no half-written folder, and the old one as it was."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import block_bundle
import pytest
from result_lines import lines

from edge_nt.cli.app import main
from edge_nt.sinks.pictures import encode_png


def run_command(bundle_folder: Path, scans: Path, out: Path) -> list[str]:
    # Asked for, since a shell's background jobs start with Ctrl-C ignored, and so would this one if the tests do.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code = heard + "from edge_nt.cli.app import entry_point; entry_point()"
    arguments = [str(bundle_folder), str(scans), "--out", str(out), "--backend", "onnxruntime", "--jobs", "2"]
    return [sys.executable, "-c", code, "run", *arguments]


def wait_for_pictures(folder: Path, process: subprocess.Popen) -> None:
    """Until the run is in the middle: some pictures are there, not all."""
    deadline = time.monotonic() + 60
    while not list(folder.glob(".edge-nt-partial-*/reconstructions/00005-*.png")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_killed_run_leaves_no_folder_that_looks_whole(bundle_folder: Path, tmp_path: Path) -> None:
    scans = tmp_path / "in"
    scans.mkdir()
    picture = encode_png(block_bundle.scan(1, 480, 640), "scan")
    for index in range(400):
        (scans / f"{index}.png").write_bytes(picture)
    process = subprocess.Popen(run_command(bundle_folder, scans, tmp_path / "out"), stdout=subprocess.DEVNULL)
    wait_for_pictures(tmp_path, process)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    assert main(["run", str(bundle_folder), str(scans / "0.png"), "--out", str(tmp_path / "out")]) == 0
    assert len(lines(tmp_path / "out")) == 1


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_ends_within_a_second_and_leaves_the_old_folder(
    bundle_folder: Path, tmp_path: Path, stop: signal.Signals, code: int
) -> None:
    scans = tmp_path / "in"
    scans.mkdir()
    picture = encode_png(block_bundle.scan(1, 480, 640), "scan")
    for index in range(400):
        (scans / f"{index}.png").write_bytes(picture)
    assert main(["run", str(bundle_folder), str(scans / "0.png"), "--out", str(tmp_path / "out")]) == 0
    process = subprocess.Popen(run_command(bundle_folder, scans, tmp_path / "out"), stdout=subprocess.DEVNULL)
    wait_for_pictures(tmp_path, process)
    process.send_signal(stop)
    start = time.monotonic()
    assert process.wait(timeout=30) == code
    # A second of grace for what the interpreter and a busy machine do beyond the run itself.
    assert time.monotonic() - start < 2
    assert len(lines(tmp_path / "out")) == 1
    assert not list(tmp_path.glob(".edge-nt-partial-*"))
