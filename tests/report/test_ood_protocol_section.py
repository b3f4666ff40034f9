"""The protocols of `edge-nt ood` on the page: what ships beside the method's own score, to the figure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from small_ood import write_ood


def test_both_scores_of_every_protocol_and_stage_stand_on_the_page(page_of: Callable[..., str], tmp_path: Path) -> None:
    content = json.loads(write_ood(tmp_path / "ood.json").read_text())
    page = page_of(tmp_path / "ood.json")
    shown = {title: float(value) for value, title in re.findall(r'<data value="([^"]+)" title="([^"]+)"', page)}
    for at, stage in enumerate(content["stages"]):
        for which, protocol in enumerate(stage["protocols"]):
            for score, figures in enumerate(protocol["figures"]):
                place = f"[1] stages[{at}].protocols[{which}].figures[{score}]"
                assert shown[f"{place}.flagged_share"] == figures["flagged_share"]
                for end in ("estimate", "low", "high"):
                    assert shown[f"{place}.auroc.{end}"] == figures["auroc"][end]
    assert "unseen site north" in page
    assert "blur, 2 px sigma" in page
    assert "<b>|x|</b>" not in page


def test_a_run_folder_s_own_protocols_are_found(
    page_of: Callable[..., str], study_folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    (run / "ood").mkdir(parents=True)
    (run / "run.json").write_bytes((study_folder / "run" / "run.json").read_bytes())
    write_ood(run / "ood" / "ood.json")
    assert "combination: AUROC" in page_of(run)
