"""Studies and probes on the page: every figure with its place, and what is missing said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from small_control import write_control

from edge_nt.evaluation.probe_result import Probe
from edge_nt.results import read_result, write_result

PROBE = Path(__file__).parents[2] / "benchmarks" / "results" / "0.4.0" / "probe.json"
STUDY = Path(__file__).parents[2] / "benchmarks" / "results" / "0.4.0" / "study.json"


def figures_on(page: str) -> dict[str, float]:
    return {title: float(value) for value, title in re.findall(r'<data value="([^"]+)" title="([^"]+)"', page)}


def test_changes_scores_and_single_seeds_of_a_study_stand_on_the_page(page_of: Callable[..., str]) -> None:
    content, page = json.loads(STUDY.read_text()), page_of(STUDY)
    shown, checked = figures_on(page), 0
    for at, side in enumerate(content["sites"][0]["sides"]):
        place = f"[1] sites[0].sides[{at}]"
        for arm, figures in enumerate(side["arms"]):
            for which, metric in enumerate(figures["metrics"]):
                assert shown[f"{place}.arms[{arm}].metrics[{which}].mean"] == metric["mean"]
        for row, comparison in enumerate(side["comparisons"]):
            for which, change in enumerate(comparison["changes"]):
                below = f"{place}.comparisons[{row}].changes[{which}]"
                if change["interval"] is not None:
                    assert shown[f"{below}.interval.low"] == change["interval"]["low"]
                    assert shown[f"{below}.per_seed[0]"] == change["per_seed"][0]
                    checked += 1
    assert checked > 20
    assert "NOT FINISHED" in page if not content["complete"] else "NOT FINISHED" not in page


def test_names_of_arms_cannot_become_markup_and_a_study_s_folder_is_one_source(
    page_of: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    write_control(folder / "study.json")
    text = (folder / "study.json").read_text().replace("control | continued", "<b>control</b>")
    (folder / "study.json").write_text(text)
    (folder / "protocol.json").write_text("{}")
    page = page_of(folder)
    assert "<b>control</b>" not in page
    assert "&lt;b&gt;control&lt;/b&gt;" in page
    assert "−13.1" in page
    assert "SYNTHETIC phantoms" in page
    assert "edge-nt report: blobs" in page


def test_every_probe_and_change_stands_on_the_page(page_of: Callable[..., str], tmp_path: Path) -> None:
    write_result(tmp_path / "probe.json", read_result(PROBE, Probe))
    content, page = json.loads(PROBE.read_text()), page_of(tmp_path / "probe.json")
    shown = figures_on(page)
    for at, probe in enumerate(content["probes"]):
        assert shown[f"[1] probes[{at}].information.estimate"] == probe["information"]["estimate"]
        assert shown[f"[1] probes[{at}].unseen.entropy.high"] == probe["unseen"]["entropy"]["high"]
    for at, change in enumerate(content["changes"]):
        assert shown[f"[1] changes[{at}].accuracy.low"] == change["accuracy"]["low"]
    assert "unseen: longhua" in page
