"""What names the software that trained: the code of three rooms, and torch."""

import shutil
from pathlib import Path

import pytest
import torch

from edge_nt.training import trainer


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package's code, which is named anew at every call."""
    for room in ("losses", "model", "training", "study"):
        shutil.copytree(Path(trainer.__file__).parents[1] / room, tmp_path / room)
    monkeypatch.setattr(trainer, "_PACKAGE", tmp_path)
    monkeypatch.setattr(trainer, "this_trainer", trainer.this_trainer.__wrapped__)
    return tmp_path


def test_every_change_of_the_code_that_trains_has_another_name(rooms: Path) -> None:
    first = trainer.this_trainer()
    assert first.startswith(f"torch {torch.__version__}, code ")
    assert trainer.this_trainer() == first
    (rooms / "study" / "table.py").write_text("")
    (rooms / "training" / "recipe.toml").write_text("")
    assert trainer.this_trainer() == first  # recipes are compared as such
    seen = {first}
    for change in (
        lambda: (rooms / "training" / "muon.py").write_text("# changed"),
        lambda: (rooms / "losses" / "sobel2.py").write_text(""),
        lambda: (rooms / "losses" / "sobel2.py").rename(rooms / "losses" / "sobel3.py"),
    ):
        change()
        seen.add(trainer.this_trainer())
    assert len(seen) == 4


def test_the_list_grows_only_when_the_software_changed() -> None:
    this = trainer.this_trainer()
    assert trainer.and_this_trainer(()) == (this,)
    assert trainer.and_this_trainer((this,)) == (this,)
    assert trainer.and_this_trainer((this, "other")) == (this, "other", this)
