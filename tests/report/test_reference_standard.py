"""Which model may replace the one that ships."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from small_ood import write_ood

from edge_nt.bundle.reference import RECORD_NAME, OodFigure, Reference, ShippedBundle, Standard
from edge_nt.errors import GateFailedError, InputError
from edge_nt.report.reference_standard import refuse_blind, refuse_worse
from edge_nt.report.study import read_study
from edge_nt.results import write_result

FOLDER = OodFigure("folder breast", 60, 0.9, 0.85, 0.95)
SITE = OodFigure("unseen site north", 32, 0.93, 0.86, 0.99)
OLD = Standard("blobs", "NT", "north", 192, 256, 11, 0.1, "combination", (FOLDER, SITE))
BETTER = replace(OLD, roi_mae=0.099)


@pytest.fixture
def ships(tmp_path: Path) -> Path:
    """A folder whose record holds the old standard."""
    bundle = ShippedBundle("fp16", "fp16", "any", "b" * 64, 9, ())
    write_result(tmp_path / RECORD_NAME, Reference("0.0.0", "c" * 64, OLD, (bundle,), None))
    return tmp_path


def test_a_lower_error_is_better_and_an_equal_one_is_not(ships: Path, tmp_path: Path) -> None:
    refuse_worse(BETTER, ships)
    refuse_worse(OLD, tmp_path / "nothing-stands-here")
    for roi_mae in (OLD.roi_mae, OLD.roi_mae + 0.001, float("nan")):
        with pytest.raises(InputError, match="better than the one"):
            refuse_worse(replace(OLD, roi_mae=roi_mae), ships)


@pytest.mark.parametrize(
    ("found", "worse"),
    [
        (OodFigure("folder breast", 60, 0.889, 0.88, 0.898), True),
        (OodFigure("folder breast", 60, 0.889, 0.83, 0.93), False),  # its interval reaches what was there
        (OodFigure("folder breast", 60, 0.891, 0.89, 0.892), False),  # less than 0.01 below
        (OodFigure("folder breast", 60, 0.99, 0.98, 1.0), False),
    ],
)
def test_a_set_is_told_worse_when_its_interval_leaves_the_old_figure_and_by_more_than_a_hundredth(
    ships: Path, found: OodFigure, worse: bool
) -> None:
    new = replace(BETTER, ood=(found, SITE))
    if worse:
        with pytest.raises(InputError, match="a lower AUROC for folder breast"):
            refuse_worse(new, ships)
    else:
        refuse_worse(new, ships)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": 3}, "another images"),
        ({"height_px": 256}, "another height_px"),
        ({"ood_score": "mahalanobis"}, "another ood_score"),
        ({"ood": (SITE,)}, "no figure for folder breast of 60 frames"),
        ({"ood": (FOLDER, replace(SITE, frames=31))}, "no figure for unseen site north of 32 frames"),
    ],
)
def test_what_cannot_be_compared_is_refused(ships: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=f"{words}.*cannot be compared"):
        refuse_worse(replace(BETTER, **changes), ships)


@pytest.mark.parametrize(
    ("name", "level", "words"),
    [("black", None, "94.0% of black"), ("blur", 4.0, "94.0% of blur, 4 px sigma"), ("blur", 2.0, None)],
)
def test_a_score_that_takes_frames_without_a_picture_for_scans_may_not_ship(
    tmp_path: Path, name: str, level: float | None, words: str | None
) -> None:
    content = json.loads(write_ood(tmp_path / "ood.json").read_text())
    protocols = content["stages"][1]["protocols"]
    protocol = next(each for each in protocols if (each["name"], each["level"]) == (name, level))
    for each in protocol["figures"]:
        each["flagged_share"] = 0.94 if each["score"] == "combination" else 1.0

    def judge() -> None:
        (tmp_path / "ood.json").write_text(json.dumps(content))
        refuse_blind(read_study((tmp_path / "ood.json",)))

    if words is None:
        judge()
        return
    with pytest.raises(GateFailedError, match=words):
        judge()
    protocols.remove(protocol)
    with pytest.raises(InputError, match=f"none of {name}"):
        judge()
