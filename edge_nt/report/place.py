"""A value of a result file together with its address in it, so that a figure on the page cannot lose its origin."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_nt.report.markup import Html, element, joined

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Source:
    """A file that the page was made from: its number in the list of sources, name, kind and SHA-256."""

    number: int
    path: Path
    name: str
    kind: str
    sha256: str


@dataclass(frozen=True)
class Place:
    """A value at `path` of a source, such as ``groups[0].metrics[4].stage1``; the whole file has an empty path.

    The files were checked against their schemas when they were read, so a key that is missing is our own mistake.
    """

    source: Source
    path: str
    value: Any = field(compare=False)

    def at(self, *keys: str | int) -> Place:
        """The place below, key by key. Raises: KeyError or IndexError when there is none."""
        place = self
        for key in keys:
            place = Place(place.source, _below(place.path, key), place.value[key])
        return place

    def find(self, key: str) -> Place | None:
        """The place below where there is one that is not null or empty."""
        return self.at(key) if self.value.get(key) else None

    def each(self) -> tuple[Place, ...]:
        """The places of a list's items, or of an object's values."""
        keys = range(len(self.value)) if isinstance(self.value, list) else self.value
        return tuple(self.at(key) for key in keys)

    def text(self) -> str:
        """The value as text."""
        return str(self.value)

    def number(self) -> float:
        """The value as a number."""
        return float(self.value)


def figure(place: Place, form: str, factor: float = 1.0) -> Html:
    """A number as printed in `form`, times `factor`; it carries the unrounded value and the place that it is from."""
    return element("data", {"value": json.dumps(place.value), "title": address(place)}, number(place, form, factor))


def interval(place: Place, form: str, factor: float = 1.0, unit: str = "") -> Html:
    """An estimate with its bounds below it."""
    below = bounds(place.at("low"), place.at("high"), form, factor)
    return joined([figure(place.at("estimate"), form, factor), unit, below])


def bounds(low: Place, high: Place, form: str, factor: float = 1.0) -> Html:
    """Two bounds in brackets, on a line of their own."""
    ends = figure(low, form, factor), ", ", figure(high, form, factor)
    return element("span", {"class": "interval"}, "[", *ends, "]")


def number(place: Place, form: str, factor: float = 1.0) -> str:
    """A number as printed in `form`, times `factor`, with a true minus sign."""
    return signed(factor * place.number(), form)


def moment(place: Place) -> str:
    """A time such as 2026-01-02T03:04:05Z as people write it."""
    return place.text().replace("T", " ").replace("Z", " UTC")


def signed(value: float, form: str) -> str:
    """A value as printed in `form`; what rounds to zero has no sign, others have a true minus."""
    printed = f"{value:{form}}"
    is_zero = not any(digit in printed for digit in "123456789")
    return printed.lstrip("+-") if is_zero else printed.replace("-", "−")


def address(place: Place) -> str:
    """The place in short, such as ``[3] groups[0].images``, with the number of its source."""
    return f"[{place.source.number}] {place.path}"


def cited(*places: Place, note: str = "") -> Html:
    """The line below a figure that says which files and places its numbers are from."""
    parts: list[str] = []
    previous = None
    for place in places:
        path = element("code", {}, place.path) if place.path else Html("")
        if place.source == previous:
            parts += [", ", path]
            continue
        name = f"{place.source.name} [{place.source.number}]"
        link = element("a", {"href": f"#source-{place.source.number}"}, name)
        parts += ["; " if parts else "Source: ", link, " → " if place.path else "", path]
        previous = place.source
    return element("span", {"class": "source"}, joined([*parts, f". {note}." if note else "."]))


def _below(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key
