"""Two processes train as one does: the same gradients, the same run, one resume point; and they end together."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from fleet_worker import gradients
from safetensors.torch import load_file
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from edge_nt.cli.app import main
from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.training.checkpoint import read_progress
from edge_nt.training.fleet import assemble
from edge_nt.training.launch import MistakeElsewhereError, Processes, outcome_of, processes, watched
from edge_nt.training.recipe import read_recipe
from edge_nt.training.run_log import read_log
from edge_nt.training.stage import TrainingStoppedError
from edge_nt.training.train import prepare_run, train_run

# An odd batch: the two parts differ in size, and in how many frames have a box.
QUICK = {"stage1_steps": 3, "stage2_steps": 6, "batch_size": 5, "calibration_batches": 2, "validate_every": 1}
PROGRAM = "from edge_nt.cli.app import entry_point; entry_point()"


def _prepare(run: Path, data: Path, **changes: int) -> Path:
    recipe = read_recipe(None, {**QUICK, "checkpoint_every": 1, **changes})
    prepare_run(
        run, data, held_out="phantom-c", structures=("NT",), preprocess=Preprocess(192, 192), recipe=recipe,
        device="cpu", precision="float32",
    )  # fmt: skip
    return run


def _start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, "train", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def alone(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = _prepare(tmp_path_factory.mktemp("alone") / "run", phantoms)
    train_run(run)
    return run


def test_two_processes_compute_the_gradients_of_one(alone: Path, tmp_path: Path) -> None:
    worker = str(Path(__file__).with_name("fleet_worker.py"))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    subprocess.run([*launcher, worker, str(alone), str(tmp_path / "found")], check=True, timeout=120)
    one = gradients(alone)
    two = [load_file(tmp_path / f"found-{rank}.safetensors") for rank in (0, 1)]
    assert len(one) > 20
    for name, value in one.items():
        torch.testing.assert_close(two[0][name], value, rtol=1e-4, atol=1e-9, msg=lambda text, name=name: name + text)
        assert torch.equal(two[0][name], two[1][name]) or name.startswith("term.")


def test_two_processes_train_what_one_does_and_one_goes_on_from_their_resume_point(
    alone: Path, phantoms: Path, tmp_path: Path
) -> None:
    run = _prepare(tmp_path / "run", phantoms)
    process = _start("--resume", str(run), "--devices", "2")
    _wait_for(run, process, stage=2, step=2)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130, messages
    assert messages.count("go on with") == 1
    assert "Traceback" not in messages
    at = read_progress(run)
    assert at is not None
    assert at.step < QUICK["stage2_steps"]
    assert main(["train", "--resume", str(run)]) == 0
    ours, theirs = read_log(run / "log.jsonl"), read_log(alone / "log.jsonl")
    places = [[(line["event"], line["stage"], line["step"]) for line in lines] for lines in (ours, theirs)]
    assert places[0] == places[1]
    for mine, line in zip(ours, theirs, strict=True):
        # Rounding grows: the first steps of Adam and Muon hardly ask how large a gradient is.
        tolerance = 0.05 if line["event"] == "calibrate" else 0.01
        assert _figures(mine) == pytest.approx(_figures(line), rel=tolerance)


@pytest.mark.slow  # Four processes of torch at a time.
def test_two_nodes_that_meet_and_torchrun_train_what_two_processes_of_one_node_do(
    phantoms: Path, tmp_path: Path
) -> None:
    # A node shares its threads among its processes, and sums over other numbers of threads round differently.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    runs = {name: _prepare(tmp_path / name, phantoms) for name in ("processes", "nodes", "torchrun")}
    torch.set_num_threads(threads)
    assert main(["train", "--resume", str(runs["processes"]), "--devices", "2"]) == 0
    with socket.socket() as free:
        free.bind(("localhost", 0))
        meeting = f"localhost:{free.getsockname()[1]}"
    nodes = ["--resume", str(runs["nodes"]), "--devices", "1", "--num-nodes", "2", "--rendezvous", meeting]
    started = [_start(*nodes) for _ in range(2)]
    for process in started:
        _, messages = process.communicate(timeout=240)
        assert process.returncode == 0, messages
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--no-python"]
    program = str(Path(sys.executable).with_name("edge-nt"))
    subprocess.run([*torchrun, program, "train", "--resume", str(runs["torchrun"])], check=True, timeout=240)
    for stage in ("stage1", "stage2"):
        weights = {name: (run / f"{stage}.safetensors").read_bytes() for name, run in runs.items()}
        assert len(set(weights.values())) == 1, stage


def _figures(line: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in line.get("weights", line).items() if isinstance(value, float)}


def test_a_killed_process_ends_all_with_one_line(phantoms: Path, tmp_path: Path) -> None:
    run = _prepare(tmp_path / "run", phantoms, stage1_steps=400)
    with pytest.raises(TrainingStoppedError):
        train_run(run, should_stop=lambda: True)
    process = _start("--resume", str(run), "--devices", "2")  # from the resume point of one
    _wait_for(run, process, stage=1, step=2)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    ranks = [int(child) for child in children if b"RANK=1" in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")]
    os.kill(ranks[0], signal.SIGKILL)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 3
    said = [line for line in messages.splitlines() if line.startswith("edge-nt:")]
    assert len(said) == 1
    assert f"--resume {run}" in said[0]
    assert "ended by SIGKILL" in said[0]
    assert not any(word in messages for word in ("Traceback", "torch/distributed", "Warning"))
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_a_crash_leaves_its_traceback_in_the_run_folder_and_none_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, watched(tmp_path, Processes(2, 1, 1)):
        raise OSError("no space left")
    assert "OSError: no space left" in (tmp_path / "crash-1.txt").read_text()
    with pytest.raises(SystemExit) as followed, watched(tmp_path, Processes(2, 1, 0)):
        raise RuntimeError("[../gloo/transport/tcp/pair.cc:1] Connection closed by peer")
    assert ended.value.code != followed.value.code
    assert not (tmp_path / "crash-0.txt").exists()
    # What the user can mend is said once, by the leading process.
    mistake = InputError(expected="a", got="b", fix="c")
    with pytest.raises(InputError), watched(tmp_path, Processes(2, 1, 0)):
        raise mistake
    with pytest.raises(SystemExit) as silent, watched(tmp_path, Processes(2, 1, 1)):
        raise mistake
    assert silent.value.code == 2
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("codes", "words"),
    [({0: 2, 1: 2}, None), ({1: 2}, "Expected a"), ({0: 75, 1: 2}, "Expected a"), ({0: -15, 1: 3}, "Expected a")],
)
def test_a_mistake_that_only_another_process_saw_is_said_all_the_same(
    tmp_path: Path, codes: dict[int, int], words: str | None
) -> None:
    with pytest.raises(SystemExit), watched(tmp_path, Processes(2, 1, 1)):
        raise InputError(expected="a", got="b", fix="c")
    failures = {rank: ProcessFailure(rank, 99, code, "") for rank, code in codes.items()}
    ended = ChildFailedError("edge-nt", failures)
    if words is None:
        assert outcome_of(tmp_path, Processes(2), ended) == 2
        return
    with pytest.raises(MistakeElsewhereError, match=words) as said:
        outcome_of(tmp_path, Processes(2), ended)
    assert said.value.exit_code == codes[1]
    (tmp_path / "crash-1.txt").unlink()  # as where it had said so itself, before the run was read
    assert outcome_of(tmp_path, Processes(2), ended) == codes[1]


def test_the_parts_of_a_batch_are_the_batch() -> None:
    fleet = assemble(torch.device("cpu"), "float32", 7, 1, 1)
    things = list(range(7))
    for size in range(1, 8):
        parts = [things[type(fleet)(fleet.fabric, rank, size).part(7)] for rank in range(size)]
        assert [thing for part in parts for thing in part] == things
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_process_without_a_frame_is_refused() -> None:
    with pytest.raises(InputError, match="3 processes"):
        assemble(torch.device("cpu"), "float32", 2, 3, 1)


def test_flags_that_cannot_be_met_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="--prepare"):
        processes(1, 2, new_run=True)
    with pytest.raises(InputError, match="at least one"):
        processes(0, None, new_run=True)
    for name, value in {"LOCAL_WORLD_SIZE": 2, "WORLD_SIZE": 4, "RANK": 3, "TORCHELASTIC_RUN_ID": "a"}.items():
        monkeypatch.setenv(name, str(value))
    assert processes(None, None, new_run=False) == Processes(2, 2, 3)
    with pytest.raises(InputError, match="torchrun"):
        processes(4, None, new_run=False)
    with pytest.raises(InputError, match="--resume"):
        processes(None, None, new_run=True)


def _wait_for(run: Path, process: subprocess.Popen[str], *, stage: int, step: int) -> None:
    deadline = time.monotonic() + 120
    while not any((line["stage"], line["step"]) >= (stage, step) for line in _log(run)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _log(run: Path) -> list[dict[str, Any]]:
    return read_log(run / "log.jsonl") if (run / "log.jsonl").is_file() else []
