"""A whole page: every figure can be followed to its file, and the page stands alone and says what it lacks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_tree import Element, parse
from small_study import HOSTILE, HOSTILE_HOSPITAL, Written, write_evaluation, write_run_folder

from edge_nt.digests import sha256_file
from edge_nt.report.page import write_report


@pytest.fixture(scope="module")
def tree(written: Written) -> Element:
    return parse(written.page)


def _sources(tree: Element, folder: Path) -> dict[int, tuple[Path, str]]:
    """File and stated SHA-256 of every source number, as the page's own list says."""
    footer = next(tree.all("footer"))
    items = {}
    for item in footer.all("li"):
        name, digest = next(item.all("strong")).text(), next(item.all("code")).text()
        items[int(item.attributes["value"])] = (folder.parent / name, digest)
    return items


def _resolve(content: Any, path: str) -> Any:
    """Follow a place as the page writes it, such as ``variants[0].stages["encode+decode"].p50_ms``."""
    steps = re.findall(r'\.?([A-Za-z_]\w*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]', path)
    rebuilt = ""
    for key, index, quoted in steps:
        content = content[int(index)] if index else content[json.loads(quoted) if quoted else key]
        rebuilt += f"[{index or quoted}]" if index or quoted else (f".{key}" if rebuilt else key)
    assert rebuilt == path
    return content


def _content(file: Path) -> Any:
    text = file.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()] if file.suffix == ".jsonl" else json.loads(text)


def test_every_number_stands_in_its_file_where_the_page_says(tree: Element, written: Written) -> None:
    contents = {number: _content(file) for number, (file, _) in _sources(tree, written.folder).items()}
    numbers = list(tree.all("data"))
    assert len(numbers) > 300
    seen = set()
    for each in numbers:
        number, path = re.fullmatch(r"\[(\d+)\] (.+)", each.attributes["title"]).groups()  # type: ignore[union-attr]
        value = _resolve(contents[int(number)], path)
        assert json.loads(each.attributes["value"]) == value
        shown = each.text().replace("−", "-").replace(",", "")
        decimals = len(shown.partition(".")[2].partition("e")[0])
        # Rounded once, to the digits shown; percentages are a hundredfold.
        near = [abs(float(shown) - value * factor) <= 0.5001 * 10.0**-decimals for factor in (1, 100)]
        assert any(near) or float(shown) == pytest.approx(value, rel=1e-3), f"{shown} for {value} at {path}"
        seen.add(int(number))
    assert seen == set(contents) - {
        number for number, (file, _) in _sources(tree, written.folder).items() if file.name == "bundle.json"
    }


def test_every_caption_cites_places_that_exist(tree: Element, written: Written) -> None:
    sources = _sources(tree, written.folder)
    captioned = [*tree.all("figure"), *tree.all("table")]
    assert len(captioned) > 20
    for each in captioned:
        cited = [span for span in each.all("span") if span.attributes.get("class") == "source"]
        assert len(cited) == 1, each.text()[:80]
        number = 0
        for part in cited[0].all("a", "code"):
            if part.name == "a":
                number = int(part.attributes["href"].removeprefix("#source-"))
                assert part.text().endswith(f"[{number}]")
            else:
                _resolve(_content(sources[number][0]), part.text())
        assert number


def test_sources_are_listed_with_the_digest_of_their_bytes(tree: Element, written: Written) -> None:
    sources = _sources(tree, written.folder)
    names = sorted(str(file.relative_to(written.folder)) for file, _ in sources.values())
    bundles = [f"bundles/{name}/bundle.json" for name in ("fp16", "fp32", "int8")]
    results = ["bench.json", "verify-fp16.json", "verify-int8.json"]
    assert names == sorted([*bundles, *results, "run/run.json", "run/log.jsonl", "run/evaluation/evaluation.json"])
    assert all(sha256_file(file) == digest for file, digest in sources.values())


def test_the_page_is_sound_and_loads_nothing(tree: Element, written: Written) -> None:
    assert len(list(tree.all("h1"))) == 1
    assert next(tree.all("html")).attributes["lang"] == "en"
    names = {each.name for each in tree.all()}
    assert not names & {"script", "iframe", "object", "embed", "form", "link", "base", "b"}
    identities = [each.attributes["id"] for each in tree.all() if "id" in each.attributes]
    assert len(identities) == len(set(identities))
    for each in tree.all():
        assert not [name for name in each.attributes if name.startswith("on")]
        assert each.attributes.get("href", "#").startswith("#")
        assert each.attributes.get("src", "data:image/webp;base64,").startswith("data:image/webp;base64,")
        if "href" in each.attributes:
            assert each.attributes["href"][1:] in identities
    assert "url(" not in written.page
    assert "@import" not in written.page
    policy = next(each for each in tree.all("meta") if "http-equiv" in each.attributes)
    assert policy.attributes["content"].startswith("default-src 'none'")


def test_those_who_cannot_see_get_words_and_headed_tables(tree: Element) -> None:
    pictures = list(tree.all("img"))
    assert len(pictures) == 2 * 7
    for each in pictures:
        assert re.search(r"MAE 0\.\d{4} after stage 1 and 0\.\d{4} after stage 2", each.attributes["alt"])
        assert int(each.attributes["width"]) > 0
    for drawing in tree.all("svg"):
        labels = [
            next(part for part in drawing.all() if part.attributes.get("id") == name)
            for name in drawing.attributes["aria-labelledby"].split()
        ]
        assert drawing.attributes["role"] == "img"
        assert re.search(r"\d", labels[1].text()), "a description without figures"
    for table in tree.all("table"):
        assert all(head.attributes["scope"] in ("col", "row") for head in table.all("th"))
        widths = {sum(cell.name in ("th", "td") for cell in row.all()) for row in table.all("tr")}
        assert len(widths) == 1


def test_words_and_lines_of_drawings_agree_with_the_file(tree: Element, written: Written) -> None:
    ood = _content(written.folder / "run" / "evaluation" / "evaluation.json")["ood"]
    told = " ".join(each.text() for each in tree.all("desc"))
    for stage in ood:
        inside = np.mean(np.array(stage["validation_scores"]) > stage["threshold"])
        outside = np.mean(np.array(stage["comparisons"][0]["scores"]) > stage["threshold"])
        words = f"AUROC {stage['comparisons'][0]['auroc']:.3f}; at the threshold {100 * outside:.0f} % are flagged"
        assert f"{words}, and {100 * inside:.0f} % of source validation" in told
    intervals = [each for each in tree.all("line") if "interval" in each.attributes["class"].split()]
    assert len(intervals) > 15
    assert all(float(each.attributes["x1"]) <= float(each.attributes["x2"]) for each in intervals)


def test_names_from_files_are_text_and_nothing_else(tree: Element, written: Written) -> None:
    assert "<script" not in written.page
    assert "<img src=http" not in written.page
    assert HOSTILE in next(tree.all("h1")).text()
    assert HOSTILE in next(tree.all("title")).text()
    captions = [caption.text() for caption in tree.all("caption")]
    assert any(HOSTILE_HOSPITAL in caption for caption in captions)


def test_the_head_says_what_failed_and_that_it_is_synthetic(tree: Element) -> None:
    head = next(tree.all("header"))
    assert "SYNTHETIC" in head.text()
    assert "Research use only" in head.text()
    rows = {next(row.all("th")).text(): row.text() for row in next(head.all("tbody")).all("tr")}
    passed, failed = (
        next(text for name, text in rows.items() if name.startswith(f"{bundle} on onnxruntime against fp32"))
        for bundle in ("fp16", "int8")
    )
    assert "✓ passed" in passed
    assert "12 of 12" in passed
    assert "✗ FAILED" in failed
    assert "ROI mean |difference|, source validation" in failed
    for words in ("3 for training, 2 for validation, 1 held out", "hospital north", "2026-01-02 03:04:05 UTC"):
        assert words in head.text()


def test_the_same_files_give_the_same_bytes_wherever_they_lie(written: Written, tmp_path: Path) -> None:
    moved = shutil.copytree(written.folder, tmp_path / "elsewhere" / "study")
    write_report([moved], tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == written.page
    assert str(written.folder.parent) not in written.page


def test_what_is_missing_is_said(page_of: Callable[..., str], study_folder: Path) -> None:
    page = page_of(study_folder / "run" / "evaluation")
    for words in ("No verdict.", "No result of edge-nt bench", "No bundle folder", "No result of edge-nt verify"):
        assert words in page
    bench_alone = parse(page_of(study_folder / "bench.json")).text()
    assert (
        "for want of a verification on the same backend or of a ratio: fp16 · onnxruntime, int8 · onnx" in bench_alone
    )


def test_no_warning_of_phantoms_on_real_scans(page_of: Callable[..., str], tmp_path: Path) -> None:
    run = write_run_folder(tmp_path / "run", dataset="Scans", synthetic=False)
    write_evaluation(run / "evaluation", synthetic=False)
    assert "SYNTHETIC" not in page_of(run)


def test_colours_can_be_told_from_the_paper_in_light_and_dark() -> None:
    style = (Path(write_report.__code__.co_filename).with_name("page.css")).read_text(encoding="utf-8")
    schemes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(schemes) == 3
    for scheme in schemes:
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", scheme))
        for name in ("ink", "soft", "link", "pass", "fail", *(f"s{index}" for index in range(6))):
            assert _contrast(colours[name], colours["paper"]) >= 4.5, name
        assert _contrast(colours["warn"], colours["warn-paper"]) >= 4.5


def _contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two colours in hex."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_base_install_is_enough() -> None:
    heavy = ("torch", "onnx", "sklearn", "safetensors")
    code = f"import sys, edge_nt.report.page\nprint([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
