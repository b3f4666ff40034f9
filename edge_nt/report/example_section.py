"""Best, median and worst images, cut out of the evaluation's panels."""

from __future__ import annotations

import base64
import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.report.markup import Html, element, joined, paragraph
from edge_nt.report.place import Place, cited, figure, number
from edge_nt.report.study import EVALUATION, Study

_READING = (
    "The best, the median and the worst image of each split and structure by stage 2's ROI MAE, at the network's "
    "resolution; the green outline is the region. Error is |stage 2 − scan|: black is none, brightest is a quarter of "
    "the gray scale or more. Images go by their place in evaluation.json, not by file name. Text burned into a scan is "
    "in its picture: look before passing it on."
)
_TITLES = {"error": "error of stage 2"}


def example_section(study: Study) -> Html:
    """Pictures of every evaluation that has panels; empty when none has.

    Raises: InputError when a panel is missing beside evaluation.json or is not the one that it names.
    """
    panels = [(file, panel) for file in study.of(EVALUATION) for panel in file.at("panels").each()]
    if not panels:
        return Html("")
    parts = [part for file, panel in panels for part in _panel(file, panel)]
    return element("section", {"id": "examples"}, element("h2", {}, "Examples"), paragraph(_READING), *parts)


def _panel(file: Place, panel: Place) -> list[Html]:
    picture = _read(file, panel)
    examples = [_example(file, panel, example, picture) for example in panel.at("examples").each()]
    title = f"{panel.at('split').text()}, {panel.at('structure').text()}, run {file.at('run').text()}"
    return [element("h3", {}, title), *examples]


def _read(file: Place, panel: Place) -> NDArray[np.uint8]:
    # The name comes out of a file: only its last part is looked for, beside that file.
    path = file.source.path.parent / panel.at("file").text().replace("\\", "/").rsplit("/", 1)[-1]
    data = path.read_bytes() if path.is_file() else b""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None or hashlib.sha256(data).hexdigest() != panel.at("sha256").text():
        raise InputError(
            expected=f"the panel {path} that {file.source.name} was written with",
            got="another picture or none",
            fix="copy the whole evaluation folder, or evaluate again",
        )
    return np.asarray(picture, np.uint8)


def _example(file: Place, panel: Place, example: Place, picture: NDArray[np.uint8]) -> Html:
    image = file.at("images", example.at("image").value)
    structure = panel.at("structure").text()
    what = f"{example.at('rank').text()} of {panel.at('split').text()}"
    figures = f"{structure}: {_in_words(image, structure)}"
    pictures = [_picture(cell, picture, f"{what}: {figures}") for cell in example.at("cells").each()]
    full = [each for each, is_close_up in pictures if not is_close_up]
    close_ups = [each for each, is_close_up in pictures if is_close_up]
    rank = element("strong", {}, example.at("rank").text())
    words = [rank, f": image {example.at('image').value}, {image.at('hospital').text()}. {structure}, stage 1 → 2: "]
    caption = element("figcaption", {}, *words, *_changes(image, structure), ". ", cited(image, example))
    rows = element("div", {"class": "cells"}, *full), element("div", {"class": "cells close-ups"}, *close_ups)
    return element("figure", {"class": "example"}, caption, *rows)


def _changes(image: Place, structure: str) -> list[Html]:
    parts: list[str] = []
    for name, field, form in (("MAE", "mae", ".4f"), ("Edge-MAE", "edge_mae", ".4f"), ("PSNR, dB", "psnr", ".2f")):
        before, after = (figure(image.at(stage, "regions", structure, field), form) for stage in ("stage1", "stage2"))
        parts += [", " if parts else "", f"{name} ", before, " → ", after]
    return [joined(parts)]


def _in_words(image: Place, structure: str) -> str:
    mae, edge = (
        [number(image.at(stage, "regions", structure, field), ".4f") for stage in ("stage1", "stage2")]
        for field in ("mae", "edge_mae")
    )
    return f"region MAE {mae[0]} after stage 1 and {mae[1]} after stage 2, Edge-MAE {edge[0]} and {edge[1]}"


def _picture(cell: Place, panel: NDArray[np.uint8], words: str) -> tuple[Html, bool]:
    """A picture with its name, and whether it is a close-up."""
    top, left, height, width = (int(cell.at(f"{side}_px").value) for side in ("top", "left", "height", "width"))
    name = cell.at("name").text()
    if min(top, left) < 0 or min(height, width) < 1 or top + height > len(panel) or left + width > panel.shape[1]:
        got = f"rows {top} to {top + height}, columns {left} to {left + width} at {cell.path}"
        raise InputError(expected="pictures inside their panel", got=got, fix="evaluate again")
    attributes = {
        "src": _data_uri(panel[top : top + height, left : left + width]),
        "width": str(width),
        "height": str(height),
        "alt": f"{_TITLES.get(name, name)}, {words}",
    }
    title = element("span", {}, _TITLES.get(name, name))
    return element("div", {}, element("img", attributes), title), name.startswith("close-up")


def _data_uri(picture: NDArray[np.uint8]) -> str:
    """The picture as lossless WebP: what is judged by eye must not show a codec's marks."""
    is_gray = bool(np.all(picture == picture[..., :1]))
    encoded, data = cv2.imencode(".webp", picture[..., 0] if is_gray else picture, [cv2.IMWRITE_WEBP_QUALITY, 101])
    if not encoded:
        raise InputError(expected="a panel that WebP can hold", got=f"{picture.shape}", fix="evaluate again")
    return "data:image/webp;base64," + base64.b64encode(data.tobytes()).decode("ascii")
