"""What names the software that trained or scored: the code of its rooms, and the libraries that make the steps."""

import shutil
from pathlib import Path

import pytest
import torch

from edge_nt.study.score_run import this_scorer
from edge_nt.training import software


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package's code, which is named anew at every call."""
    for room in ("caliper", "datasets", "evaluation", "imaging", "losses", "metrics", "model", "study", "training"):
        shutil.copytree(Path(software.__file__).parents[1] / room, tmp_path / room)
    monkeypatch.setattr(software, "_PACKAGE", tmp_path)
    monkeypatch.setattr(software, "this_trainer", software.this_trainer.__wrapped__)
    return tmp_path


def test_every_change_of_the_code_that_trains_has_another_name(rooms: Path) -> None:
    first = software.this_trainer()
    assert first.startswith(f"torch {torch.__version__}, lightning-fabric ")
    assert software.this_trainer() == first
    (rooms / "study" / "table.py").write_text("")
    (rooms / "training" / "recipe.toml").write_text("")
    assert software.this_trainer() == first  # recipes are compared as such
    seen = {first}
    for change in (
        lambda: (rooms / "training" / "muon.py").write_text("# changed"),
        lambda: (rooms / "losses" / "sobel2.py").write_text(""),
        lambda: (rooms / "losses" / "sobel2.py").rename(rooms / "losses" / "sobel3.py"),
        lambda: (rooms / "imaging" / "roi.py").write_text("# regions grow otherwise"),
    ):
        change()
        seen.add(software.this_trainer())
    assert len(seen) == 5


def test_every_change_of_the_code_that_scores_has_another_name(rooms: Path) -> None:
    first = this_scorer.__wrapped__()
    (rooms / "training" / "muon.py").write_text("# changed")
    (rooms / "evaluation" / "panel.py").write_text("# changed")
    assert this_scorer.__wrapped__() == first
    seen = {first}
    for place in ("metrics/roi_metrics.py", "caliper/borders.py", "evaluation/stage_pass.py", "study/score_run.py"):
        (rooms / place).write_text("# changed")
        seen.add(this_scorer.__wrapped__())
    assert len(seen) == 5


def test_the_list_grows_only_when_the_software_changed() -> None:
    this = software.this_trainer()
    assert software.and_this_trainer(()) == (this,)
    assert software.and_this_trainer((this,)) == (this,)
    assert software.and_this_trainer((this, "other")) == (this, "other", this)
