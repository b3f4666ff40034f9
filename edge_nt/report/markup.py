"""Markup that cannot carry foreign markup: every text is escaped where it is put, unless its type says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

_VOID = frozenset({"img", "meta", "br"})


class Html(str):
    """Finished markup. What is made from it by string methods is a plain str again, and so is escaped."""

    __slots__ = ()


def element(name: str, attributes: Mapping[str, str], *children: str) -> Html:
    """An element with attributes in the order given; children that are not Html are escaped."""
    opened = "".join([name, *(f' {key}="{escape(value)}"' for key, value in attributes.items())])
    if name in _VOID:
        return Html(f"<{opened}>")
    return Html(f"<{opened}>{joined(children)}</{name}>")


def joined(parts: Iterable[str]) -> Html:
    """Parts one after another; those that are not Html are escaped."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def paragraph(*children: str) -> Html:
    """A plain paragraph."""
    return element("p", {}, *children)
