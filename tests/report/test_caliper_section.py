"""Calipers on the page: the published results of a dataset and of phantoms, every figure with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from html_tree import parse

from edge_nt.errors import InputError

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "0.3.0"
DATASET, PHANTOMS = RESULTS / "caliper-real.json", RESULTS / "caliper-phantoms.json"
AGREEMENTS = ("scan_stated", "network_scan_stated", "reconstruction_stated", "reconstruction_scan_px")


def figures_on(page: str) -> dict[str, float]:
    return {title: float(value) for value, title in re.findall(r'<data value="([^"]+)" title="([^"]+)"', page)}


def test_what_was_measurable_and_how_far_readings_agree_stand_on_the_page(page_of: Callable[..., str]) -> None:
    content, page = json.loads(DATASET.read_text()), page_of(DATASET)
    shown, compared = figures_on(page), 0
    for at, group in enumerate(content["groups"]):
        for image in ("scan", "moved", "network_scan", "reconstruction"):
            if group[image] is not None:
                assert shown[f"[1] groups[{at}].{image}.measurable"] == group[image]["measurable"]
                assert all(f"{each['reason']}: {each['count']}" in page for each in group[image]["refusals"])
        for name in AGREEMENTS:
            if group[name] is not None:
                for end in ("bias", "low", "high", "median", "mean_absolute"):
                    assert shown[f"[1] groups[{at}].{name}.{end}"] == group[name][end]
                compared += 1
    assert compared > 0
    assert f"edge-nt report: {content['dataset']}" in page
    assert "SYNTHETIC" not in page


def test_phantoms_are_called_synthetic_and_drawn_by_thickness(page_of: Callable[..., str]) -> None:
    content, page = json.loads(PHANTOMS.read_text()), page_of(PHANTOMS)
    shown = figures_on(page)
    for at, row in enumerate(content["rows"]):
        if row["mm"] is not None:
            assert shown[f"[1] rows[{at}].mm.high"] == row["mm"]["high"]
        assert shown[f"[1] rows[{at}].coverage.n"] == row["coverage"]["n"]
    by_thickness = [row for row in content["rows"] if row["table"] == "thickness" and row["mm"] is not None]
    marks = [line for line in parse(page).all("line") if "interval" in line.attributes["class"].split()]
    assert len(marks) == len(by_thickness)
    assert f"SYNTHETIC: {content['phantoms']} phantoms" in parse(page).text()
    head = next(parse(page).all("header")).text()
    assert "SYNTHETIC phantoms." in head
    assert "edge-nt report: phantoms of known thickness" in head
    # Beside scans the page is about these, and only the section is of phantoms.
    assert "SYNTHETIC phantoms." not in next(parse(page_of(DATASET, PHANTOMS)).all("header")).text()


def test_a_caliper_result_that_is_not_whole_is_refused_by_name(page_of: Callable[..., str], tmp_path: Path) -> None:
    content = json.loads(DATASET.read_text())
    del content["groups"][0]["scan"]
    (tmp_path / "caliper.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"caliper\.json"):
        page_of(tmp_path / "caliper.json")
