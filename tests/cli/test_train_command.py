"""`edge-nt train` from the command line: errors in one line, Ctrl-C, and a kill at any moment."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_nt.cli.app import main
from edge_nt.datasets.dataset import read_dataset
from edge_nt.phantom.generate import write_phantoms

QUICK = "stage1_steps = 4\nstage2_steps = 3\nbatch_size = 4\ncalibration_batches = 1\ncheckpoint_every = 1\n"


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("command") / "data"
    write_phantoms(root, hospitals=2, per_hospital=6, seed=0)
    return root


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(QUICK)
    return path


def _command(phantoms: Path, recipe: Path, run: Path) -> list[str]:
    source = ["--data", str(phantoms), "--held-out", "phantom-b"]
    return ["train", *source, "--recipe", str(recipe), "--width", "192", "--out", str(run)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["--held-out", "elsewhere"], ["phantom-a", "elsewhere", "--held-out"]),
        (["--data", "nowhere"], ["nowhere", "edge-nt data import"]),
        (["--roi", "tail"], ["tail", "NT", "--roi"]),
        (["--roi", "NT", "--roi", "NT"], ["each once", "NT, NT", "--roi"]),
        (["--width", "200"], ["multiples of 64", "200"]),
        (["--batch-size", "0"], ["batch_size", "0"]),
        (["--batch-size", "6"], ["batch_size up to 5", "training frames", "Got 6", "smaller --batch-size"]),
        (["--device", "tpu"], ["tpu", "--device"]),
    ],
)
def test_bad_input_is_one_line_with_the_fix_and_exit_code_2(
    phantoms: Path,
    recipe: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: list[str],
    words: list[str],
) -> None:
    assert main([*_command(phantoms, recipe, tmp_path / "run"), *changes]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert all(word in lines[0] for word in [*words, "Expected", "Got", "Fix"])
    assert not (tmp_path / "run").exists()


def _with_nt_box(phantoms: Path, data: Path, side: str, box: str) -> str:
    """A copy of the phantoms as `data`, whose first image of a side has another NT box; that image's file."""
    shutil.copytree(phantoms, data)
    sides = {row.file: "held-out" if row.hospital == "phantom-b" else row.split for row in read_dataset(data).rows}
    file = next(file for file in sides if sides[file] == side)
    lines = (data / "boxes.csv").read_text().splitlines()
    lines = [f"{file},NT,{box}," if line.startswith(f"{file},NT,") else line for line in lines]
    (data / "boxes.csv").write_text("\n".join(lines) + "\n")
    return file


@pytest.mark.parametrize(
    ("side", "box", "words"),
    [
        ("train", "10,20,30,5000", ["columns 20 to 5000"]),
        ("val", "-9,20,30,40", ["rows -9 to 30"]),
        ("held-out", "4000,20,4010,40", ["rows 4000 to 4010"]),
    ],
)
def test_preparing_finds_a_box_outside_its_image(
    phantoms: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    side: str, box: str, words: list[str],
) -> None:  # fmt: skip
    file = _with_nt_box(phantoms, tmp_path / "data", side, box)
    assert main([*_command(tmp_path / "data", recipe, tmp_path / "run"), "--prepare"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert all(word in line for word in [*words, "NT region inside the image", f"for {file} in", "Fix: mend or drop"])
    assert not (tmp_path / "run").exists()


def test_preparing_finds_a_box_of_no_area(
    phantoms: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _with_nt_box(phantoms, tmp_path / "data", "train", "30,20,30,40")
    assert main([*_command(tmp_path / "data", recipe, tmp_path / "run"), "--prepare"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert all(word in line for word in ["box is NT (30.0, 20.0, 30.0, 40.0)", "boxes.csv line", "Fix: mend the row"])


def test_a_recipe_with_an_unknown_key_is_refused(
    phantoms: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text("stage3_steps = 1\n")
    assert main(_command(phantoms, recipe, tmp_path / "run")) == 2
    assert "stage3_steps" in capsys.readouterr().err


def test_data_without_a_held_out_hospital_is_refused(phantoms: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--data", str(phantoms)]) == 2
    assert "--held-out" in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_exit_code_3(phantoms: Path, recipe: Path, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert main([*_command(phantoms, recipe, tmp_path / "run"), "--device", "cuda"]) == 3


def test_ctrl_c_writes_a_resume_point_and_resume_finishes(
    phantoms: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    recipe.write_text(QUICK.replace("stage1_steps = 4", "stage1_steps = 400"))
    process = _start(_command(phantoms, recipe, run))
    _wait_for(run / "resume.safetensors", process)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "edge-nt train --resume" in messages
    assert main(["export", str(run), "--out", str(tmp_path / "bundle")]) == 2
    recipe_of_run = (run / "run.json").read_text()
    (run / "run.json").write_text(recipe_of_run.replace('"stage1_steps": 400', '"stage1_steps": 1'))
    for other in (["--batch-size", "3"], ["--device", "cpu"], ["--precision", "float32"], ["--mask-overlays"]):
        assert main(["train", "--resume", str(run), *other]) == 2
    assert main(["train", "--resume", str(run)]) == 0
    assert (run / "stage2.json").is_file()
    capsys.readouterr()
    assert main(["train", "--resume", str(run)]) == 0
    assert "finished already" in capsys.readouterr().err


def test_a_run_folder_that_cannot_be_made_is_one_line(
    phantoms: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(_command(phantoms, recipe, tmp_path / "file")) == 2
    assert "Expected a run folder that can be written" in capsys.readouterr().err


def test_kill_9_leaves_nothing_that_passes_for_a_finished_run(
    phantoms: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    process = _start(_command(phantoms, recipe, run))
    _wait_for(run / "resume.safetensors", process)
    process.kill()
    process.communicate(timeout=60)
    assert main(["export", str(run), "--out", str(tmp_path / "bundle")]) == 2
    assert "--resume" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()
    assert main(["train", "--resume", str(run)]) == 0


def _start(arguments: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from edge_nt.cli.app import entry_point; entry_point()", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
