"""`edge-nt study` from the command line: killed and gone on with, refused, and stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from tiny_study import JOBS, Trained, copied, record

from edge_nt.cli.app import main
from edge_nt.errors import InputError
from edge_nt.results import read_result
from edge_nt.study.arm import train_arm
from edge_nt.study.arm_lock import arm_lock
from edge_nt.study.arm_process import TAKEN_EXIT_CODE
from edge_nt.study.run_study import run_study
from edge_nt.study.slots import Slot
from edge_nt.study.study_folder import Job, arm_folder, begin_study, is_finished, open_study
from edge_nt.study.study_result import RESULT_NAME, TABLE_NAME, Study
from edge_nt.study.summarise import summarise_study
from edge_nt.training.checkpoint import read_progress


def command(trained: Trained, out: Path) -> list[str]:
    options = ["--data", str(trained.data), "--protocol", str(trained.protocol), "--out", str(out)]
    return ["study", *options, "--devices", "cpu", "--workers", "1", "--threads", "1"]


def begun(trained: Trained, out: Path, *others: str) -> subprocess.Popen[bytes]:
    code = "from edge_nt.cli.app import entry_point; entry_point()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *command(trained, out), *others], start_new_session=True, stderr=subprocess.DEVNULL
    )


def wait_for(path: Path, process: subprocess.Popen[bytes], word: str = "") -> None:
    while not (path.is_file() and (not word or word in path.read_text())):
        assert process.poll() is None, "the study ended before it could be interrupted"
        time.sleep(0.005)


def test_a_study_killed_inside_an_arm_and_gone_on_with_gives_the_same_table(trained: Trained, tmp_path: Path) -> None:
    summarise_study(trained.study.out)
    out = copied(trained, tmp_path / "out", "stage1", "control")
    stage1 = arm_folder(out, JOBS["stage1"]) / "stage1.safetensors"
    before = stage1.stat().st_mtime_ns
    # It goes on where the data lie now.
    info = stage1.with_name("run.json")
    info.write_text(json.dumps({**json.loads(info.read_text()), "data_root": "where/it/lay"}))
    process = begun(trained, out)
    wait_for(arm_folder(out, JOBS["stage2"]) / "resume.safetensors", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not is_finished(out, JOBS["stage2"])
    # Without --protocol it goes on with its own, whatever the shipped one says by now.
    assert main(["study", "--data", str(trained.data), "--out", str(out), "--devices", "cpu"]) == 0
    assert stage1.stat().st_mtime_ns == before
    assert (out / TABLE_NAME).read_bytes() == (trained.study.out / TABLE_NAME).read_bytes()
    ours, theirs = (read_result(folder / RESULT_NAME, Study) for folder in (out, trained.study.out))
    assert ours.sites == theirs.sites
    assert ours.complete


@pytest.mark.parametrize(
    "stop",
    ["Ctrl-C for the study's own process", pytest.param("SIGTERM for all of its processes", marks=pytest.mark.slow)],
)
def test_a_stopped_study_leaves_resume_points_and_a_table_that_says_what_is_missing(
    trained: Trained, tmp_path: Path, stop: str
) -> None:
    longer = tmp_path / "protocol.toml"
    words = trained.protocol.read_text().replace("stage2_steps = 3", "stage2_steps = 400")
    # Only stopping writes a resume point.
    longer.write_text(words.replace("checkpoint_every = 1", "checkpoint_every = 1000").replace('"control", ', ""))
    out = tmp_path / "out"
    process = begun(replace(trained, protocol=longer), out, "--stage1-of", str(trained.study.out))
    wait_for(arm_folder(out, JOBS["stage2"]) / "log.jsonl", process, "calibrate")
    if stop.startswith("SIGTERM"):
        os.killpg(process.pid, signal.SIGTERM)
    else:
        process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    at = read_progress(arm_folder(out, JOBS["stage2"]))
    assert at is not None
    assert 0 < at.step < 400
    text = (out / TABLE_NAME).read_text()
    assert "Not complete: 1 trainings are missing" in text
    assert "Missing: stage2, seed 0." in text
    assert "stage2 − stage1" not in text


def test_an_arm_that_another_study_trains_is_waited_for(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_nt.study.run_study._TAKEN_PAUSE_S", 0.1)
    out = copied(trained, tmp_path / "out", "stage1", "control")
    ends: list[int] = []
    with ExitStack() as another:
        assert another.enter_context(arm_lock(arm_folder(out, JOBS["stage2"])))

        def on_end(_job: Job, code: int) -> None:
            ends.append(code)
            another.close()

        assert not run_study(replace(trained.study, out=out), (Slot("cpu"),), on_end=on_end)
    assert ends == [TAKEN_EXIT_CODE, 0]
    assert is_finished(out, JOBS["stage2"])


def test_an_arm_that_was_killed_is_named_with_what_ended_it(trained: Trained, tmp_path: Path) -> None:
    out = copied(trained, tmp_path / "out", "stage1", "control")

    def kill_arms(_job: Job, _step: int) -> None:
        for child in Path("/proc/thread-self/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)

    (failure,) = run_study(replace(trained.study, out=out), (Slot("cpu"),), on_step=kill_arms)
    assert failure.job == JOBS["stage2"]
    assert failure.message.startswith("was ended by SIGKILL")


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


def test_arms_of_a_stage_1_that_was_trained_anew_are_refused(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = copied(trained, tmp_path / "out", *JOBS)
    for name in ("scores.json", "stage1.json"):
        path = arm_folder(out, JOBS["stage1"]) / name
        content = json.loads(path.read_text())
        content["checkpoint_sha256" if name == "scores.json" else "sha256"] = "0" * 64
        path.write_text(json.dumps(content))
    assert main(["study", "--out", str(out), "--table"]) == 2
    said = capsys.readouterr().err
    assert f"{arm_folder(out, JOBS['control'])}. Got a branch of one that was trained anew" in said
    # Without its run folder the scores alone say it.
    moved = arm_folder(out, JOBS["control"]) / "run.json"
    moved.rename(tmp_path / "run.json")
    assert main(["study", "--out", str(out), "--table"]) == 2
    assert f"{moved.parent}. Got a branch of one that was trained anew" in capsys.readouterr().err
    (tmp_path / "run.json").rename(moved)
    # What is trained but not scored is no better.
    (arm_folder(out, JOBS["stage2"]) / "scores.json").unlink()
    with pytest.raises(InputError, match=r"stage2\. Got a branch"):
        train_arm(
            out, trained.data, JOBS["stage2"], device="cpu", on_step=lambda _step: None, should_stop=lambda: False
        )


def test_other_pictures_are_refused_before_an_added_arm_trains(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copytree(trained.data, tmp_path / "data", ignore=shutil.ignore_patterns(".*"))
    image = next(data.glob("images/phantom-b*.png"))
    cv2.imwrite(str(image), 255 - cv2.imread(str(image), cv2.IMREAD_GRAYSCALE))
    out = copied(trained, tmp_path / "out", "stage1", "control")
    assert main([*command(trained, out), "--data", str(data)]) == 2
    assert "Expected the pictures in" in capsys.readouterr().err
    assert not arm_folder(out, JOBS["stage2"]).exists()


def test_a_region_outside_its_image_is_refused_before_training(trained: Trained, tmp_path: Path) -> None:
    data = shutil.copytree(trained.data, tmp_path / "data")
    lines = (data / "boxes.csv").read_text().splitlines()
    of_unseen = next(place for place, line in enumerate(lines) if "phantom-b" in line)
    cells = lines[of_unseen].split(",")
    lines[of_unseen] = ",".join([*cells[:2], "9000", "9000", "9010", "9010", *cells[6:]])
    (data / "boxes.csv").write_text("\n".join(lines) + "\n")
    study = open_study(tmp_path / "out", record(trained.protocol, data), data)
    begin_study(study)
    steps: list[int] = []
    with pytest.raises(InputError, match="inside the image"):
        train_arm(study.out, data, JOBS["stage1"], device="cpu", on_step=steps.append, should_stop=lambda: False)
    assert not steps


def test_a_changed_protocol_and_missing_data_are_refused_in_one_line(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.toml"
    other.write_text(trained.protocol.read_text().replace("stage1_steps = 3", "stage1_steps = 4"))
    assert main([*command(trained, trained.study.out), "--protocol", str(other)]) == 2
    assert "another recipe.stage1_steps" in capsys.readouterr().err
    assert main([*command(trained, tmp_path / "new"), "--threads", "0"]) == 2
    assert "at least one thread" in capsys.readouterr().err
    assert main(["study", "--out", str(tmp_path / "new")]) == 2
    assert "--data" in capsys.readouterr().err
    assert main(["study", "--out", str(tmp_path / "new"), "--table"]) == 2
    assert main(["study", "--out", str(trained.study.out), "--table", "--dry-run"]) == 2
    assert "no --dry-run beside --table" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_dry_run_names_every_training_times_real_steps_and_writes_nothing(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = copied(trained, tmp_path / "out", "stage1")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert main([*command(trained, out), "--dry-run"]) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    printed = capsys.readouterr()
    words = " ".join((printed.out + printed.err).split())
    assert "2 of 3 trainings are left" in words
    assert words.count("to branch") == 2
    assert words.count("finished") == 1
    step_s = float(words.split("a step of stage 1 takes ")[1].split(" s")[0])
    # Two frames of 192 px: real steps take milliseconds to seconds, never nothing.
    assert 0.001 < step_s < 20
