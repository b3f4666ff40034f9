"""The command line as a whole: its help is the same whether or not the commands' parameters were looked into."""

from pathlib import Path

import pytest

import edge_nt
from edge_nt.cli.app import app, command_line, main


def test_help_says_what_it_would_say_with_every_command_s_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    quick = capsys.readouterr().out
    with pytest.raises(SystemExit):
        app(args=["--help"], prog_name="edge-nt")
    assert capsys.readouterr().out == quick
    assert "bench-training" in quick


@pytest.mark.parametrize("words", [["train"], ["data", "phantom"], ["service", "install"]])
def test_a_command_that_is_asked_for_has_its_parameters(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0
    quick = capsys.readouterr().out
    with pytest.raises(SystemExit):
        app(args=[*words, "--help"], prog_name="edge-nt")
    assert capsys.readouterr().out == quick
    assert quick.count("--") > 3


def test_a_path_that_the_file_system_refuses_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["data", "check", "x" * 300]) == 2
    assert main(["data", "phantom", "--out", str(tmp_path / "file" / "below")]) == 2
    for line in capsys.readouterr().err.splitlines():
        assert line.startswith("edge-nt: Expected")
        assert "Fix: " in line


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"edge-nt {edge_nt.__version__}\n"


def test_unknown_commands_and_options_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["trian"], ["train", "--no-such"], ["data", "no-such"]):
        assert main(words) == 2
        assert words[-1] in capsys.readouterr().err
    # What is not asked for takes nothing.
    with pytest.raises(SystemExit) as stop:
        command_line(["run"])(args=["train", "--seed", "1"], prog_name="edge-nt")
    assert stop.value.code == 2
