"""`edge-nt doctor` as a person and a program call it."""

import json
import socket
from pathlib import Path

import pytest

from edge_nt.cli.app import main
from edge_nt.health import codecs
from edge_nt.health.examination import DoctorReport
from edge_nt.results import read_result


def test_a_person_gets_a_table_and_a_program_a_file(
    bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "doctor.json"
    assert main(["doctor", str(bundle_folder), "--results", str(tmp_path), "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "golden vectors" in printed
    assert " 0 fail, " in printed
    report = read_result(file, DoctorReport)
    assert report.bundle == bundle_folder.name
    assert str(tmp_path) not in file.read_text()


def test_json_on_stdout_is_nothing_but_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--results", str(tmp_path), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "edge-nt doctor"


def test_a_failed_check_is_exit_code_1_with_its_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codecs, "_decodes", lambda suffix: False)
    assert main(["doctor", "--results", str(tmp_path)]) == 1
    complaint = capsys.readouterr().err
    assert "Got JPEG: OpenCV cannot decode it;" in complaint
    assert complaint.count("pip install --force-reinstall opencv-python-headless") == 1


def test_a_port_that_is_taken_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["doctor", "--results", str(tmp_path), "--json", "-", "--port", str(port)]) == 0
    groups = {group["title"]: group["checks"] for group in json.loads(capsys.readouterr().out)["groups"]}
    assert [check["status"] for check in groups["Service"] if check["name"] == f"port {port}"] == ["warn"]


def test_a_report_inside_the_bundle_is_refused(bundle_folder: Path) -> None:
    assert main(["doctor", str(bundle_folder), "--json", str(bundle_folder / "doctor.json")]) == 2
    assert not (bundle_folder / "doctor.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["A", "--self-test", "B"], "no BUNDLE beside --self-test"),
        (["--self-test", "B", "--json", "x.json", "--port", "1"], "no --json, --port beside --self-test"),
        (["--out", "x.json"], "no --out beside an examination"),
    ],
)
def test_an_option_that_would_say_nothing_is_refused(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", *words]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_damaged_bundle_tells_nothing_of_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(tmp_path / "nosuch"), "--results", str(tmp_path), "--json", "-"]) == 1
    groups = json.loads(capsys.readouterr().out)["groups"]
    [memory] = [check for group in groups for check in group["checks"] if check["name"] == "memory"]
    assert "needed 540 MB (twice the largest that was measured)" in memory["seen"]
