"""Sites: a hospital as a whole, ``szph``, or its scanners of one make, ``szph:philips``.

A row belongs to the site that has its hospital's name, and to the one that has hospital, colon and scanner; the
scanner is empty where the manifest names none. Every question of who is held out is asked here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from edge_nt.errors import InputError

_MARK = ":"


class Located(Protocol):
    """Anything that was taken at a hospital with a scanner: a row, a compared frame."""

    @property
    def hospital(self) -> str:
        """The hospital's name."""

    @property
    def scanner(self) -> str:
        """The scanner's make, or an empty text."""


def in_site(site: str, image: Located) -> bool:
    """Whether `image` was taken at `site`."""
    return site in (image.hospital, scanner_site(image))


def within(part: str, whole: str) -> bool:
    """Whether every image of the site `part` is of the site `whole`, by their names."""
    return part == whole or part.startswith(whole + _MARK)


def overlap(first: str, second: str) -> bool:
    """Whether two sites may have images in common, by their names."""
    return within(first, second) or within(second, first)


def site_names(sides: Iterable[Iterable[Located]]) -> dict[tuple[str, str], str]:
    """The site of each (hospital, scanner): the hospital, or with its scanner where its scanners stand on two sides."""
    found = {(image.hospital, image.scanner): (image, side) for side, images in enumerate(sides) for image in images}
    sides_of: dict[str, set[int]] = {}
    for image, side in found.values():
        sides_of.setdefault(image.hospital, set()).add(side)
    return {
        key: image.hospital if len(sides_of[image.hospital]) == 1 else scanner_site(image)
        for key, (image, _) in found.items()
    }


def known_sites(images: Iterable[Located]) -> tuple[str, ...]:
    """Every site of the images in alphabetical order: hospitals, and the scanners of those that have several."""
    scanners: dict[str, set[str]] = {}
    for image in images:
        scanners.setdefault(image.hospital, set()).add(scanner_site(image))
    several = (site for sites in scanners.values() if len(sites) > 1 for site in sites)
    return tuple(sorted({*scanners, *several}))


def check_site(site: str, images: Iterable[Located], flag: str) -> None:
    """Refuse a site that no image, or not one hospital alone, answers to; `flag` is how the user names it.

    Raises: InputError that names the known sites.
    """
    all_images = tuple(images)
    hospitals = {image.hospital for image in all_images if in_site(site, image)}
    if len(hospitals) != 1:
        meant = f", which could be of {' or '.join(sorted(hospitals))}" if hospitals else ""
        raise InputError(
            expected=f"a site among {', '.join(known_sites(all_images))}",
            got=f"{site!r}{meant}",
            fix=f"pass one of them as {flag}",
        )


def scanner_site(image: Located) -> str:
    """Hospital, colon and scanner of an image; the scanner is empty where none is named."""
    return f"{image.hospital}{_MARK}{image.scanner}"
