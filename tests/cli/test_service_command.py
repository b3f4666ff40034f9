"""`edge-nt service install`: the unit it writes, and what it refuses before systemd would."""

import stat
from pathlib import Path
from typing import Any

import block_bundle
import pytest

from edge_nt.cli.app import main
from edge_nt.runtime.crew import shared_out
from edge_nt.runtime.reconstructor import Reconstructor, load
from edge_nt.service.unit import MARK


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


def test_who_may_not_write_units_is_told_to_be_root(capsys: pytest.CaptureFixture[str]) -> None:
    # Where not even root may write, whoever runs the tests.
    command = ["service", "install", "--folder", "/proc/self", "--program", "/bin/true", "--source", "camera:0"]
    assert main([*command, "--user", "cart", "--out", "/var/lib/edge-nt"]) == 2
    assert "run this as root" in capsys.readouterr().err


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


def test_results_among_the_files_of_somebody_else_are_refused_now(
    bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    command = ["service", "install", str(bundle_folder), "--folder", str(tmp_path / "units"), "--program", "/bin/true"]
    command += ["--source", "camera:0", "--user", "cart", "--out", str(tmp_path / "home")]
    assert main(command) == 2
    assert "no results.jsonl" in capsys.readouterr().err
    # The machine that a printed unit is for may have nothing there.
    assert main([*command, "--print"]) == 0


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
