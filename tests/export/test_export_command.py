"""`edge-nt export` from the command line: what it prints, where it writes, and its refusals in one line."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_nt.bundle.read import read_bundle
from edge_nt.cli.app import main
from edge_nt.datasets.dataset import read_dataset


def test_the_newest_run_is_exported_into_the_build_folder(finished_run, tmp_path, monkeypatch, capsys):
    shutil.copytree(finished_run, tmp_path / "runs" / "first")
    monkeypatch.chdir(tmp_path)
    assert main(["export", "--precision", "int8", "--data", str(finished_run.parent / "data")]) == 0
    printed = capsys.readouterr()
    assert printed.out == "export/build/first-int8\n"
    assert read_bundle(Path("export/build/first-int8")).manifest.precision == "int8"
    shown = " ".join(printed.err.split())
    assert "minmax over 14 training images of phantom-a, phantom-b" in shown
    assert "SYNTHETIC" in shown
    assert ("parsed and built both graphs" in shown) != ("not checked: tensorrt-rtx is not installed" in shown)


def test_a_refusal_is_one_line_with_its_exit_code(finished_run, tmp_path, capsys):
    rows = read_dataset(finished_run.parent / "data").rows
    held_out = next(row.file for row in rows if row.hospital == "phantom-c")
    (tmp_path / "mine.csv").write_text("\n".join(["file", *(row.file for row in rows)]))
    command = ["export", str(finished_run), "--precision", "int8", "--out", str(tmp_path / "bundle")]
    assert main([*command, "--calibration", str(tmp_path / "mine.csv")]) == 2
    printed = capsys.readouterr()
    lines = printed.err.strip().splitlines()
    assert printed.out == ""
    assert sum(line.startswith("edge-nt: ") for line in lines) == 1
    assert held_out in lines[-1]
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--precision", "int4"], "fp32, fp16, int8"),
        (["nowhere"], "nowhere"),
        ([], "a finished run under runs"),
        (["--recipe", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_bad_input_exits_with_2(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert main(["export", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_kill_9_leaves_no_bundle_or_a_whole_one(finished_run, tmp_path):
    bundle = tmp_path / "bundle"
    code = "from edge_nt.cli.app import entry_point; entry_point()"
    process = subprocess.Popen([sys.executable, "-c", code, "export", str(finished_run), "--out", str(bundle)])
    deadline = time.monotonic() + 120
    while not any(tmp_path.iterdir()):  # the temporary folder's name is the first thing to appear
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.kill()
    process.wait()
    assert not bundle.exists() or read_bundle(bundle).manifest.precision == "fp32"
    assert main(["export", str(finished_run), "--out", str(bundle)]) == 0
    assert read_bundle(bundle).manifest.precision == "fp32"
