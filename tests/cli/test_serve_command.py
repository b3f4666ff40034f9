"""`edge-nt serve` and `edge-nt service install` as processes and commands."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import block_bundle
import pytest
from serve_process import serve_process, write_recording

from edge_nt.cli.app import main
from edge_nt.runtime.crew import shared_out
from edge_nt.runtime.reconstructor import Reconstructor, load
from edge_nt.service.unit import MARK


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


def test_install_writes_the_unit_and_says_what_comes_next(
    bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(bundle_folder.parent)
    units = tmp_path / "units"
    command = [
        "service",
        "install",
        "--folder",
        str(units),
        "--program",
        "/bin/true",
        "--user",
        "cart",
        bundle_folder.name,
    ]
    command += ["--source", "camera:/dev/video0", "--out", "my results", "--jobs", "2", "--no-page"]
    assert main(command) == 0
    unit = (units / "edge-nt.service").read_text()
    out = bundle_folder.parent / "my results"
    assert (
        f'ExecStart=/bin/true serve {bundle_folder} --source camera:/dev/video0 --out "{out}" --no-page --jobs 2\n'
        in unit
    )
    assert "DeviceAllow=char-video4linux rw" in unit
    assert stat.S_IMODE((units / "edge-nt.service").stat().st_mode) == 0o644
    said = capsys.readouterr().out
    assert "systemctl restart edge-nt" in said
    assert f"install -d -o cart '{out}'" in said
    # Again over its own, but never over somebody else's.
    assert main(command) == 0
    (units / "edge-nt.service").write_text(unit.replace(MARK, "# mine"))
    capsys.readouterr()
    assert main(command) == 2
    assert "somebody else's" in capsys.readouterr().err


def test_a_user_made_by_systemd_is_not_given_what_others_may_not_enter(
    bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o700)
    command = ["service", "install", str(bundle_folder), "--folder", str(tmp_path / "units"), "--program", "/bin/true"]
    command += ["--source", "camera:0", "--out", "/var/lib/edge-nt"]
    assert main(command) == 2
    assert "--user" in capsys.readouterr().err
    # The machine that a printed unit is for may have it elsewhere.
    assert main([*command, "--print"]) == 0
    assert main([*command, "--user", "cart"]) == 0


def test_print_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["service", "install", "--print", "--folder", str(tmp_path), "--program", "/bin/true"]
    assert (
        main([*command, "--source", "camera:0", "--out", "/var/lib/edge-nt", "--expose", "--listen", "0.0.0.0:80"]) == 0
    )
    text = capsys.readouterr().out
    assert text.startswith(MARK)
    assert "--listen 0.0.0.0:80 --expose" in text
    assert "IPAddressDeny" not in text
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_who_may_not_write_units_is_told_to_be_root(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["service", "install", "--program", "/bin/true", "--source", "camera:0", "--out", "/var/lib/edge-nt"]
    assert main(command) == 2
    assert "as root" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option",
    [
        ["--latents", "npz"],
        ["--latents", "csv"],
        ["--stalled-after", "0"],
        ["--jobs", "0"],
        ["--threads", "0"],
        ["--backend", "nonsense"],
        ["--video", "-1"],
        ["--source", "camera:0?fps=abc"],
        ["--source", "dicom:/in?port=abc"],
        ["--source", "dicom:/in?nonsense=1"],
        ["--source", "watch:/in?crop=some"],
        ["--source", "watch:"],
        ["--source", "replay:/in?rounds=-1.5"],
    ],
)
def test_a_setting_that_ends_every_start_is_refused_by_install(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["service", "install", "--print", "--program", "/bin/true", "--out", "/var/lib/edge-nt"]
    source = [] if "--source" in option else ["--source", "camera:0"]
    assert main([*command, *source, *option]) == 2
    assert capsys.readouterr().out == ""


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


@pytest.mark.parametrize("kind", ["watch", "dicom"])
def test_a_folder_named_by_digits_is_no_camera(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["service", "install", "--print", "--program", "bin/edge-nt", "--user", "cart", "--out", "out"]
    assert main([*command, "--source", f"{kind}:2024"]) == 0
    unit = capsys.readouterr().out
    assert f"--source {kind}:{tmp_path / '2024'}" in unit
    assert f"ExecStart={tmp_path / 'bin/edge-nt'} serve" in unit


def test_a_bundle_that_would_be_refused_at_every_start_is_refused_now(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unjudged = block_bundle.write(tmp_path / "int8", "int8")
    command = ["service", "install", str(unjudged), "--folder", str(tmp_path / "units")]
    command += ["--source", "camera:0", "--user", "cart", "--out", "/var/lib/edge-nt"]
    assert main(command) == 2
    assert "edge-nt verify" in capsys.readouterr().err
    assert main([*command, "--allow-unverified"]) == 0
    # Another installation may have engines that this one has not.
    assert main([*command, "--backend", "tensorrt", "--program", "/bin/true"]) == 0


@pytest.mark.parametrize("options", [["--jobs", "2"], ["--jobs", "2", "--threads", "3"], []])
def test_install_tries_the_bundle_with_the_threads_that_each_job_of_serve_gets(
    options: list[str], bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int | None] = []

    def recorded(*arguments: Any, **named: Any) -> Reconstructor:
        threads.append(arguments[1])
        return load(*arguments, **named)

    monkeypatch.setattr("edge_nt.runtime.reconstructor.load", recorded)
    command = ["service", "install", str(bundle_folder), "--folder", str(tmp_path), "--user", "cart"]
    assert main([*command, "--source", "camera:0", "--out", "/var/lib/edge-nt", *options]) == 0
    given = int(options[3]) if "--threads" in options else None
    assert threads == [shared_out(2 if options else None, given)[1]]


def test_a_program_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["service", "install", "--folder", str(tmp_path), "--program", str(tmp_path / "none"), "--user", "cart"]
    assert main([*command, "--source", "camera:0", "--out", "/var/lib/edge-nt"]) == 2
    assert "--program" in capsys.readouterr().err


def test_a_wrong_option_of_serve_is_refused_by_install(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["service", "install", "--print", "--program", "/bin/true", "--out", "/var/lib/edge-nt"]
    assert main([*command, "--source", "camera:0", "--nonsense"]) == 2
    assert main([*command, "--source", "camera:0", "--listen", "0.0.0.0:80"]) == 2
    assert main(command) == 2


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
