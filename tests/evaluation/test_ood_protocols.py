from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_nt.cli.app import main
from edge_nt.datasets.dataset_tables import dataset_tables
from edge_nt.errors import InputError, LeakageError
from edge_nt.evaluation import ood_frames, ood_panel
from edge_nt.evaluation.ood_corruptions import CORRUPTIONS
from edge_nt.evaluation.ood_protocols import MARKDOWN_NAME, PANEL_NAME, measure_ood
from edge_nt.evaluation.ood_result import OOD_RESULT_NAME, OodReport
from edge_nt.results import read_result

_FEW = tuple(each for each in CORRUPTIONS if each.name in ("black", "inverted", "scrambled"))


@pytest.fixture(autouse=True)
def _few_corruptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of them: the others differ in nothing but the pictures."""
    monkeypatch.setattr(ood_frames, "CORRUPTIONS", _FEW)
    monkeypatch.setattr(ood_panel, "CORRUPTIONS", _FEW)


@pytest.fixture(scope="session")
def waves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures, higher than wide, of something else."""
    folder = tmp_path_factory.mktemp("ood") / "waves"
    folder.mkdir()
    for i in range(3):
        wave = 128 + 100 * np.sin(np.arange(200) / (3 + i))
        cv2.imwrite(str(folder / f"{i}.png"), np.broadcast_to(wave[:, None], (200, 150)).astype(np.uint8))
    return folder


def test_measures_every_protocol_and_repeats_itself(
    untrained_run: Path, phantoms: Path, waves: Path, tmp_path: Path
) -> None:
    ticks: list[tuple[int, int]] = []

    def measured(out: Path) -> OodReport:
        return measure_ood(
            untrained_run,
            None,
            folders=[waves],
            out=out,
            stages=("stage2",),
            on_frames=lambda *tick: ticks.append(tick),
        )

    report, again = measured(tmp_path / "first"), measured(tmp_path / "second")
    assert report.stages == again.stages
    assert report.dataset_tables == dataset_tables(phantoms)
    assert ticks[-1] == (ticks[-1][1], ticks[-1][1])
    (stage,) = report.stages
    assert [each.name for each in stage.protocols] == [
        "phantom-c",
        "waves",
        "waves, cropped to fill",
        "black",
        *["inverted"] * 4,
        *["scrambled"] * 3,
    ]
    assert [each.frames for each in stage.protocols] == [9, 3, 3] + [4] * 8
    names = tuple(setting.score for setting in stage.scores)
    assert all(tuple(each.score for each in protocol.figures) == names for protocol in stage.protocols)
    assert report.default in names
    for protocol in stage.protocols:
        for each in protocol.figures:
            assert each.flagged_share == pytest.approx(1 - each.fpr_at_95_tpr.estimate)
            assert each.auroc.low <= each.auroc.estimate <= each.auroc.high
    black = {each.score: each for each in stage.protocols[3].figures}
    assert black["signals"].flagged_share == 1
    assert read_result(tmp_path / "first" / OOD_RESULT_NAME, OodReport) == report
    assert cv2.imread(str(tmp_path / "first" / PANEL_NAME)) is not None
    markdown = (tmp_path / "first" / MARKDOWN_NAME).read_text(encoding="utf-8")
    assert "SYNTHETIC" in markdown
    assert all(f"| {setting.score} |" in markdown for setting in stage.scores if setting.score != report.default)


def test_an_unseen_scanner_and_an_unused_site_are_each_named(
    scanner_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ood", str(scanner_run), "--stage", "stage2"]) == 0
    words = capsys.readouterr().out
    assert "phantom-b:x" in words
    assert "AUROC" in words
    report = read_result(scanner_run / "ood" / OOD_RESULT_NAME, OodReport)
    unseen = {each.name: each.frames for each in report.stages[0].protocols if each.family == "unseen site"}
    assert unseen == {"phantom-b:x": 4, "phantom-c": 9}


def test_an_unused_row_of_a_patient_that_trained_is_not_called_unseen(scanner_run: Path, tmp_path: Path) -> None:
    table = scanner_run.parent / "scanners" / "manifest.csv"
    table.write_text(table.read_text().replace("phantom-c-0001,train", "phantom-a-0001,train"))
    both = r"phantom-a-0001\.png \(training\) and images/phantom-c-0001\.png \(unused phantom-c\)"
    with pytest.raises(LeakageError, match=both):
        measure_ood(scanner_run, None, out=tmp_path / "out")


def test_an_output_folder_that_cannot_be_made_is_refused_first(untrained_run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="can be written to"):
            measure_ood(untrained_run, None, out=out)


def test_the_command_prints_tables_and_writes_the_folder(
    untrained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["ood", str(untrained_run), "--stage", "stage2", "--out", str(out), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((out / OOD_RESULT_NAME).read_text(encoding="utf-8"))
    assert printed["kind"] == "edge-nt ood"
    file = tmp_path / "file"
    file.write_text("")
    assert main(["ood", str(untrained_run), "--out", str(file)]) == 2
    assert main(["ood", str(untrained_run), "--seed", "-1", "--out", str(out)]) == 2
    assert main(["ood", str(untrained_run), "--ood", str(tmp_path / "none"), "--out", str(out)]) == 2
    assert "Fix:" in capsys.readouterr().err


def test_refuses_an_unfinished_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run folder"):
        measure_ood(tmp_path, None, out=tmp_path / "out")
