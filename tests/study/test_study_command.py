"""`edge-nt study` from the command line: killed and gone on with, refused, stopped, and its table."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_study import Trained

from edge_nt.cli.app import main
from edge_nt.results import read_result
from edge_nt.study.study_folder import Job, arm_folder, is_finished
from edge_nt.study.study_result import RESULT_NAME, TABLE_NAME, Study
from edge_nt.study.summarise import summarise_study

JOBS = {arm: Job("phantom-b", 0, arm) for arm in ("stage1", "control", "stage2")}


def command(trained: Trained, out: Path) -> list[str]:
    options = ["--data", str(trained.data), "--protocol", str(trained.protocol), "--out", str(out)]
    return ["study", *options, "--devices", "cpu", "--workers", "1", "--threads", "1"]


def copied(trained: Trained, out: Path, *arms: str) -> Path:
    """The study with only these arms finished."""
    shutil.copytree(trained.study.out, out)
    for arm in set(JOBS) - set(arms):
        shutil.rmtree(arm_folder(out, JOBS[arm]))
    return out


def begun(trained: Trained, out: Path) -> subprocess.Popen[bytes]:
    code = "from edge_nt.cli.app import entry_point; entry_point()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *command(trained, out)], start_new_session=True, stderr=subprocess.DEVNULL
    )


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    while not path.is_file():
        assert process.poll() is None, "the study ended before it could be interrupted"
        time.sleep(0.005)


def test_a_study_killed_inside_an_arm_and_gone_on_with_gives_the_same_table(trained: Trained, tmp_path: Path) -> None:
    summarise_study(trained.study.out)
    out = copied(trained, tmp_path / "out", "stage1")
    stage1 = arm_folder(out, JOBS["stage1"]) / "stage1.safetensors"
    before = stage1.stat().st_mtime_ns
    process = begun(trained, out)
    wait_for(arm_folder(out, JOBS["control"]) / "resume.safetensors", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not is_finished(out, JOBS["control"])
    assert not is_finished(out, JOBS["stage2"])
    # Without --protocol it goes on with its own, whatever the shipped one says by now.
    assert main(["study", "--data", str(trained.data), "--out", str(out), "--devices", "cpu"]) == 0
    assert stage1.stat().st_mtime_ns == before
    assert (out / TABLE_NAME).read_bytes() == (trained.study.out / TABLE_NAME).read_bytes()
    ours, theirs = (read_result(folder / RESULT_NAME, Study) for folder in (out, trained.study.out))
    assert ours.sites == theirs.sites
    assert ours.complete


def test_a_stopped_study_leaves_resume_points_and_a_table_that_says_what_is_missing(
    trained: Trained, tmp_path: Path
) -> None:
    out = copied(trained, tmp_path / "out", "stage1", "control")
    process = begun(trained, out)
    wait_for(arm_folder(out, JOBS["stage2"]) / "resume.safetensors", process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert (arm_folder(out, JOBS["stage2"]) / "resume.safetensors").is_file()
    text = (out / TABLE_NAME).read_text()
    assert "Not complete: 1 trainings are missing" in text
    assert "Missing: stage2, seed 0." in text
    assert "control − stage1" in text
    assert "stage2 − control" not in text


def test_an_arm_that_fails_costs_itself_alone_and_is_named(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = copied(trained, tmp_path / "out", "stage1", "control")
    run = arm_folder(out, JOBS["stage2"])
    run.mkdir()
    info = json.loads((arm_folder(out, JOBS["stage1"]) / "run.json").read_text())
    info["recipe"]["batch_size"] += 1
    (run / "run.json").write_text(json.dumps(info))
    assert main(command(trained, out)) == 2
    said = capsys.readouterr().err
    assert "phantom-b, seed 0, stage2: edge-nt: Expected the recipe of the study" in said
    assert is_finished(out, JOBS["control"])


def test_the_table_is_written_anew_without_data_or_weights(trained: Trained, tmp_path: Path) -> None:
    summarise_study(trained.study.out)
    out = copied(trained, tmp_path / "out", *JOBS)
    (out / TABLE_NAME).unlink()
    for weights in out.rglob("*.safetensors"):
        weights.unlink()
    assert main(["study", "--out", str(out), "--table"]) == 0
    assert (out / TABLE_NAME).read_bytes() == (trained.study.out / TABLE_NAME).read_bytes()


def test_a_changed_protocol_and_missing_data_are_refused_in_one_line(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.toml"
    other.write_text(trained.protocol.read_text().replace("stage1_steps = 3", "stage1_steps = 4"))
    assert main([*command(trained, trained.study.out), "--protocol", str(other)]) == 2
    assert "another recipe.stage1_steps" in capsys.readouterr().err
    assert main(["study", "--out", str(tmp_path / "new")]) == 2
    assert "--data" in capsys.readouterr().err
    assert main(["study", "--out", str(tmp_path / "new"), "--table"]) == 2
    assert not (tmp_path / "new").exists()
