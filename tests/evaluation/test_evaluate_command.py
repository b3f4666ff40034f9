from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from edge_nt.cli.evaluate import evaluate
from edge_nt.errors import InputError


def _app() -> typer.Typer:
    app = typer.Typer()
    app.command("evaluate")(evaluate)
    return app


def test_tables_by_default_for_the_newest_run(
    untrained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("older", "newer"):
        shutil.copytree(untrained_run, tmp_path / "runs" / name)
    os.utime(tmp_path / "runs" / "older" / "stage2.json", (1, 1))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(_app(), [], catch_exceptions=False)
    assert result.exit_code == 0
    assert (tmp_path / "runs" / "newer" / "evaluation" / "evaluation.json").is_file()
    assert not (tmp_path / "runs" / "older" / "evaluation").exists()
    for text in ("SYNTHETIC", "phantom-a + phantom-b", "ROI Edge-MAE ↓", "hospital phantom-c", "AUROC", "stage2"):
        assert text in result.stdout


def test_json_alone_on_standard_output(untrained_run: Path, tmp_path: Path) -> None:
    arguments = [str(untrained_run), "--json", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(_app(), arguments, catch_exceptions=False)
    assert json.loads(result.stdout) == json.loads((tmp_path / "out" / "evaluation.json").read_text())


def test_no_run_is_a_users_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="edge-nt train"):
        CliRunner().invoke(_app(), [], catch_exceptions=False)
