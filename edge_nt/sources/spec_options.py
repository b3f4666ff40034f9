"""The parts of a source's specification, ``kind:place?fps=30``; each setting has to be understood and taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, get_args
from urllib.parse import parse_qsl

from edge_nt.errors import InputError
from edge_nt.imaging.crop import Crop
from edge_nt.imaging.frame import PixelBox

Value = TypeVar("Value")
# Numbers beyond this are a slip, and would not fit where they are used.
_LARGEST = 1 << 31

KNOWN = (
    "camera:DEVICE?width=&height=&fps=&fourcc=&crop=LEFT,TOP,WIDTH,HEIGHT&mm_per_px=&reconnect=SECONDS or never",
    "replay:FILE_OR_FOLDER?fps=&speed=&rounds=N or forever&duration=SECONDS&memory_mb=&crop=region",
    "watch:FOLDER?settle=SECONDS&give_up=SECONDS&poll=SECONDS&scan=SECONDS&crop=region",
    "dicom:INBOX?port=&host=&ae=&callers=A,B&peers=IP,IP&max_mb=&associations=&free_mb=&timeout=SECONDS&crop=region",
    "FILE_OR_FOLDER, every frame of it once",
)
_KINDS = {known.partition(":")[0] for known in KNOWN if ":" in known}


def parted(spec: str) -> tuple[str, str, str]:
    """Kind, place and settings; no kind for plain files. Raises: InputError for a kind without a place."""
    kind, colon, rest = spec.partition(":")
    if not colon or kind not in _KINDS:
        return "", spec, ""
    place, _, query = rest.partition("?")
    if not place:
        raise refused(spec, "nothing after the colon")
    return kind, place, query


def folder_of(spec: str) -> Path | None:
    """The folder or file that a source reads, None for a camera."""
    kind, place, _ = parted(spec)
    return None if kind == "camera" else Path(place)


class Options:
    """The settings after the question mark, each of which has to be taken."""

    def __init__(self, spec: str, query: str) -> None:
        self._spec = spec
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
        except ValueError as error:
            raise refused(spec, str(error)) from error
        self._left = dict(pairs)
        if len(self._left) < len(pairs):
            raise refused(spec, "a setting that is given twice")

    def take(self, name: str, read: Callable[[str], Value], absent: Value) -> Value:
        """The value of a setting, or `absent`. Raises: InputError for one that `read` does not understand."""
        if name not in self._left:
            return absent
        text = self._left.pop(name)
        try:
            return read(text)
        except (ValueError, OverflowError) as error:
            raise refused(self._spec, f"{name}={text}") from error

    def refuse_rest(self) -> None:
        """Raises: InputError when a setting is left over."""
        if self._left:
            raise refused(self._spec, f"a setting {next(iter(self._left))!r} that it does not have")

    def crop(self) -> Crop:
        """The part of a file's frames."""
        text = self.take("crop", str, "frame")
        crops: tuple[Crop, ...] = get_args(Crop)
        for crop in crops:
            if text == crop:
                return crop
        raise refused(self._spec, f"crop={text}")


def whole(text: str) -> int:
    """A whole number. Raises: ValueError for none, or one that is a slip."""
    number = int(text)
    if abs(number) > _LARGEST:
        raise ValueError(text)
    return number


def megabytes(text: str) -> int:
    """Bytes, from a whole number of megabytes. Raises: ValueError."""
    return whole(text) * 1_000_000


def names(text: str) -> tuple[str, ...]:
    """What stands between commas, without what is empty."""
    return tuple(name for name in text.split(",") if name)


def box(text: str) -> PixelBox:
    """A box, from LEFT,TOP,WIDTH,HEIGHT. Raises: ValueError."""
    left, top, width, height = (whole(number) for number in text.split(","))
    return PixelBox(top, left, top + height, left + width)


def unless(word: str, read: Callable[[str], Value]) -> Callable[[str], Value | None]:
    """Reads a value, or None for the word."""
    return lambda text: None if text == word else read(text)


def refused(spec: str, got: str) -> InputError:
    """The error for a specification, with all that there may be."""
    return InputError(expected="a source: " + "; ".join(KNOWN), got=f"{spec!r}: {got}", fix="write it as one of these")
