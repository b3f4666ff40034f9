"""`edge-nt data` as a user meets it: exit codes, tables on stdout, one line an error."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import scan_folders

from edge_nt.cli.app import main
from edge_nt.datasets.dataset import read_dataset


def one_error_line(stderr: str) -> str:
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("edge-nt: Expected ")
    assert " Fix: " in lines[0]
    return lines[0]


def test_import_of_the_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = scan_folders.release(tmp_path / "release")
    arguments = ["data", "import", "fetus-framework", str(source), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    shown = capsys.readouterr()
    rows = [line.split() for line in shown.out.splitlines()]
    assert ["external", "2", "1", "0"] in rows
    assert ["internal", "18", "2", "1"] in rows
    assert "23 images" in shown.out
    assert shown.err == ""
    assert main(arguments) == 2
    assert "--force" in one_error_line(capsys.readouterr().err)
    assert main([*arguments, "--force"]) == 0


def test_import_of_coco(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    annotations, images = scan_folders.coco(tmp_path)
    arguments = ["data", "import", "coco", str(annotations), "--images", str(images), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "--hospital" in one_error_line(capsys.readouterr().err)
    assert main([*arguments, "--hospital", "east", "--scanner", "s1", "--licence", "CC0"]) == 0
    made = read_dataset(tmp_path / "out")
    assert [(row.hospital, row.scanner) for row in made.rows] == [("east", "s1"), ("west", "s9")]
    assert made.licence == "CC0"


def test_phantoms_pass_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "phantoms"
    arguments = ["data", "phantom", "--out", str(out), "--hospitals", "2", "--per-hospital", "2", "--seed", "5"]
    assert main(arguments) == 0
    made = read_dataset(out)
    assert (len(made.rows), made.synthetic) == (4, True)
    capsys.readouterr()
    assert main(["data", "check", str(out)]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out


def test_check_lists_everything_and_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "data"
    scan_folders.dataset(root)
    (root / "images/1.png").write_bytes(b"")
    (root / "images/4.png").unlink()
    report = tmp_path / "reports" / "problems.json"
    assert main(["data", "check", str(root), "--json", str(report)]) == 2
    shown = capsys.readouterr()
    assert "images/1.png" in shown.out
    assert "images/4.png" in shown.out
    assert "2 errors, 0 warnings" in shown.out
    written = json.loads(report.read_text(encoding="utf-8"))
    assert (written["errors"], written["warnings"]) == (2, 0)
    assert [(p["severity"], p["file"], p["row"]) for p in written["problems"]] == [
        ("error", "images/1.png", 3),
        ("error", "images/4.png", 6),
    ]
    assert main(["data", "check", str(root), "--json", str(root / "images")]) == 2
    assert "a JSON file that can be written" in capsys.readouterr().err


def test_warnings_alone_exit_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "data"
    scan_folders.dataset(root)
    scan_folders.save(root / "images/1.png", scan_folders.scan(0))
    assert main(["data", "check", str(root)]) == 0
    assert "0 errors, 1 warnings" in capsys.readouterr().out


def test_a_hostile_cell_cannot_command_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan_folders.dataset(tmp_path)
    manifest = tmp_path / "manifest.csv"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text + "\x1b[2J[red]x.png,east,s,p,train,\n", encoding="utf-8")
    assert main(["data", "check", str(tmp_path)]) == 2
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "[red]x.png" in shown


@pytest.mark.parametrize("command", [["check"], ["import", "fetus-framework", "--out", "o"]])
def test_a_missing_folder_is_one_line(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", *command, str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in one_error_line(capsys.readouterr().err)


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from edge_nt.cli.app import main; main(['data', '--help']);"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'cv2', 'pydicom', 'torch', 'openpyxl')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, text=True)
    assert done.returncode == 0
    assert "phantom" in done.stdout
