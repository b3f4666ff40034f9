"""Offers without the names of their files, which may be those of patients."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from edge_nt.errors import EdgeNtError, InputError
from edge_nt.imaging.frame import Frame
from edge_nt.sources.source import Offer

# Behind the name of a file of several frames.
_FRAME_NUMBER = re.compile(r"#\d+\Z")


def nameless(offers: Iterable[Offer]) -> Iterator[Offer]:
    """The same offers, called ``frame-<number>`` from 0 on in all that is written of them, errors included.

    Of their source only its kind is said. `place` still leads sinks to headers, and is marked as one that they do not
    name.
    """
    for number, offer in enumerate(offers):
        name = f"frame-{number}"
        place = None if offer.place is None else replace(offer.place, named=False)
        decode = partial(_decode, offer, name)
        yield replace(offer, source=source_kind(offer.source), name=name, decode=decode, place=place)


def source_kind(name: str) -> str:
    """The first word of a source's name, such as ``replay``; a path may follow it."""
    return name.split(maxsplit=1)[0]


def _decode(offer: Offer, name: str) -> Frame:
    try:
        return replace(offer.decode(), source=name)
    except EdgeNtError as error:
        raise type(error)(
            expected=_without(error.expected, offer, name),
            got=_without(error.got, offer, name),
            fix=_without(error.fix, offer, name),
        ) from None
    except Exception as error:
        # What nobody foresaw may have the name anywhere in its text.
        raise InputError(
            expected="a frame that can be decoded", got=f"{type(error).__name__} for {name}", fix="leave its file out"
        ) from None


def _without(text: str, offer: Offer, name: str) -> str:
    # The longest first: a name is part of a path.
    path = Path(_FRAME_NUMBER.sub("", offer.name)) if offer.place is None else offer.place.path
    for known in (offer.name, str(path), path.name, path.stem):
        text = text.replace(known, name) if known else text
    return text
