"""`edge-nt serve` as a process: how it starts, what it refuses, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from serve_process import serve_process, write_recording

from edge_nt.cli.app import main


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recording(tmp_path_factory.mktemp("serve") / "recording")


def _until(holds, seconds: float = 8.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_within_a_second_with_everything_taken_written(
    number: signal.Signals, exit_code: int, bundle_folder: Path, recording: Path, tmp_path: Path
) -> None:
    with serve_process(bundle_folder, f"replay:{recording}?fps=60&rounds=forever", tmp_path / "out") as served:
        _until(lambda: served.get("/ready")[0] == 200)
        _until(lambda: served.metrics().get("edge_nt_frames_done_total", 0) > 30)
        served.process.send_signal(signal.SIGHUP)
        before = served.metrics()["edge_nt_frames_done_total"]
        _until(lambda: served.metrics()["edge_nt_frames_done_total"] > before + 5)
        code, seconds = served.end(number)
        lines = served.lines()
    assert code == exit_code
    assert seconds < 1
    ended = next(line for line in served.log if "ended after" in line)
    # Offered is done plus dropped: nothing taken was lost, and every one of them has its line.
    offered, dropped, done, failed, write_errors = _numbers(ended)
    assert (failed, write_errors) == (0, 0)
    assert offered == done + dropped
    assert len(lines) == done
    assert [line["number"] for line in lines] == list(range(done))


def _numbers(line: str) -> tuple[int, int, int, int, int]:
    words = line.split("ended after", 1)[1].replace(",", "").split()
    offered, dropped, done, failed, write_errors = [int(word) for word in words if word.isdecimal()][1:]
    return offered, dropped, done, failed, write_errors


def test_systemd_is_told_ready_only_once_the_page_says_so(bundle_folder: Path, recording: Path, tmp_path: Path) -> None:
    name = f"@edge-nt-serve-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0"))
        listener.settimeout(10)
        environment = {**os.environ, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"}
        source = f"replay:{recording}?fps=30&rounds=forever"
        with serve_process(bundle_folder, source, tmp_path / "out", environment=environment) as served:
            heard = [listener.recv(1000).decode()]
            assert heard == ["READY=1"]
            assert served.get("/ready")[0] == 200
            while "WATCHDOG=1" not in heard:
                heard.append(listener.recv(1000).decode())
            served.process.send_signal(signal.SIGTERM)
            while "STOPPING=1" not in heard:
                heard.append(listener.recv(1000).decode())
            assert served.process.wait(5) == 0


def test_a_second_service_in_the_same_folder_is_refused(bundle_folder: Path, recording: Path, tmp_path: Path) -> None:
    source = f"replay:{recording}?fps=30&rounds=forever"
    with (
        serve_process(bundle_folder, source, tmp_path / "out"),
        pytest.raises(AssertionError, match="no other process writes to"),
        serve_process(bundle_folder, source, tmp_path / "out"),
    ):
        pass


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--listen", "0.0.0.0:0"], 2, "--expose"),
        (["--stalled-after", "0"], 2, "--stalled-after"),
        (["--latents", "npz"], 2, "--latents parquet"),
        (["--source", "nonsense:x"], 2, "Expected"),
        (["--source", "camera:/dev/video987"], 3, "/dev/video987"),
    ],
)
def test_what_cannot_be_served_is_one_line_and_an_exit_code(
    more: list[str], code: int, words: str, bundle_folder: Path, recording: Path, tmp_path: Path, capfd
) -> None:
    arguments = [str(bundle_folder), "--source", f"replay:{recording}?fps=30", "--out", str(tmp_path / "out")]
    arguments += ["--listen", "127.0.0.1:0", "--backend", "onnxruntime", "--jobs", "1", "--log-format", "json"]
    assert main(["serve", *arguments, *more]) == code
    errors = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (error,) = [each for each in errors if each["level"] == "error"]
    assert words in error["message"]


def test_once_frames_came_no_exit_code_keeps_systemd_from_starting_it_again(
    bundle_folder: Path, recording: Path, tmp_path: Path
) -> None:
    with serve_process(bundle_folder, f"replay:{recording}?fps=30&rounds=forever", tmp_path / "out") as served:
        drift = tmp_path / "out" / "drift.json"
        _until(drift.exists)
        drift.unlink()
        # What no longer can be written when it stops.
        (drift / "in the way").mkdir(parents=True)
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(10) == 3
        _until(lambda: any("an output file that can be written" in line for line in served.log))


def test_what_the_watchdog_ends_says_where_it_hung(bundle_folder: Path, recording: Path, tmp_path: Path) -> None:
    with serve_process(bundle_folder, f"replay:{recording}?fps=30&rounds=forever", tmp_path / "out") as served:
        _until(lambda: served.get("/ready")[0] == 200)
        served.process.send_signal(signal.SIGABRT)
        assert served.process.wait(10) == -signal.SIGABRT
        # The main thread, which waits for the stream, and the others.
        _until(lambda: any("service/service.py" in line and line.endswith(" in run\n") for line in served.log))
        assert sum("hread 0x" in line for line in served.log) > 3


def test_a_defect_is_one_line_and_lets_systemd_start_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the driver is gone")

    monkeypatch.setattr("edge_nt.runtime.crew.load_crew", fail)
    assert main(["serve", "--source", "camera:0", "--out", str(tmp_path)]) == 3
    (line,) = capfd.readouterr().err.splitlines()
    assert "RuntimeError: the driver is gone" in line


@pytest.mark.parametrize("source", ["watch:{}?settle=1", "{}", "replay:{}", "dicom:{}"])
def test_a_folder_is_not_both_source_and_results(
    source: str, bundle_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    command = ["serve", str(bundle_folder), "--source", source.format(folder), "--out", str(tmp_path / "link")]
    assert main(command) == 2
    assert "another folder than the source" in capfd.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("package", ["waitress", "prometheus_client"])
def test_a_missing_package_is_named_with_the_command_that_brings_it(package: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; from edge_nt.cli.app import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["serve", "--source", "camera:0", "--out", str(tmp_path / "out")]
    run = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 3
    assert "pip install 'edge-nt[cart]'" in run.stderr
    assert "Traceback" not in run.stderr
