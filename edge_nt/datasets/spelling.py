"""Names that a person would read as one: in another case, or in other Unicode characters that look the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def folded(name: str) -> str:
    """What two spellings of one name have in common."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def two_spellings(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two different names that fold to one, in the order of `names`; None where there are none."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(folded(name), name)
        if other != name:
            return other, name
    return None
