"""The whole page: one HTML file with its styles, drawings and pictures inside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from edge_nt.atomic import write_text
from edge_nt.report.accuracy_section import accuracy_section
from edge_nt.report.bench_section import bench_section
from edge_nt.report.calibration_section import calibration_section
from edge_nt.report.caliper_section import caliper_section
from edge_nt.report.control_section import control_section
from edge_nt.report.example_section import example_section
from edge_nt.report.gate_section import gate_section
from edge_nt.report.head_section import head_section
from edge_nt.report.markup import Html, element, joined
from edge_nt.report.ood_section import ood_section
from edge_nt.report.probe_section import probe_section
from edge_nt.report.source_section import source_section
from edge_nt.report.study import Study, read_study
from edge_nt.report.trade_section import trade_section
from edge_nt.report.training_section import training_section
from edge_nt.report.training_speed_section import training_speed_section

_STYLE = Path(__file__).with_name("page.css")
# Nothing may be loaded from anywhere, whatever a file that the page was made from holds.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_report(named: Sequence[Path], out: Path) -> Study:
    """Write the page about the files and folders named, and return what was read. The same files give the same bytes.

    Raises: InputError naming a file or folder that is not known or not whole.
    """
    study = read_study(named)
    write_text(out, page(study))
    return study


def page(study: Study) -> str:
    """The page as text."""
    head = head_section(study)
    sections = (
        training_section(study),
        accuracy_section(study),
        control_section(study),
        example_section(study),
        ood_section(study),
        probe_section(study),
        caliper_section(study),
        gate_section(study),
        trade_section(study),
        calibration_section(study),
        bench_section(study),
        training_speed_section(study),
    )
    body = element("body", {}, head, _contents(sections), element("main", {}, *sections), source_section(study))
    title = re.search(r"<h1>(.*?)</h1>", head, re.DOTALL)
    meta = (
        element("meta", {"charset": "utf-8"}),
        element("meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"name": "color-scheme", "content": "light dark"}),
        element("title", {}, Html(title.group(1)) if title else "edge-nt report"),
        element("style", {}, Html(_STYLE.read_text(encoding="utf-8"))),
    )
    return f"<!doctype html>\n{element('html', {'lang': 'en'}, element('head', {}, *meta), body)}\n"


def _contents(sections: Sequence[Html]) -> Html:
    """Links to the sections that are there."""
    found = [re.match(r'<section id="([a-z]+)"><h2>(.*?)</h2>', section) for section in sections]
    links = [element("a", {"href": f"#{each.group(1)}"}, Html(each.group(2))) for each in found if each]
    links.append(element("a", {"href": "#sources"}, "Sources"))
    return element("nav", {"aria-label": "Contents"}, joined(links))
