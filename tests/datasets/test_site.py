"""Sites: hospitals, or their scanners, and how rows answer to their names."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_nt.datasets.site import check_site, in_site, known_sites, overlap, site_names, within
from edge_nt.errors import InputError


@dataclass(frozen=True)
class Image:
    hospital: str
    scanner: str


PHILIPS, VOLUSON, OTHER = Image("szph", "philips"), Image("szph", "voluson"), Image("longhua", "mixed")
words = st.text("ab", max_size=2)
images = st.lists(st.builds(Image, st.sampled_from("xyz"), words), min_size=1, max_size=8)


def test_a_hospital_takes_all_of_its_scanners_and_a_scanner_only_its_own() -> None:
    assert [in_site("szph", image) for image in (PHILIPS, VOLUSON, OTHER)] == [True, True, False]
    assert [in_site("szph:philips", image) for image in (PHILIPS, VOLUSON, OTHER)] == [True, False, False]
    assert in_site("a:", Image("a", ""))
    assert not in_site("szph:", PHILIPS)


def test_sites_share_images_when_one_holds_the_other() -> None:
    assert overlap("szph", "szph:philips")
    assert overlap("szph:philips", "szph")
    assert not overlap("szph:philips", "szph:voluson")
    assert not overlap("szph", "szph2:philips")
    assert within("szph:philips", "szph")
    assert not within("szph", "szph:philips")


def test_a_hospital_is_named_whole_only_where_it_stands_on_one_side() -> None:
    assert set(site_names([[PHILIPS, VOLUSON], [OTHER]]).values()) == {"szph", "longhua"}
    assert set(site_names([[PHILIPS, OTHER], [VOLUSON]]).values()) == {"szph:philips", "szph:voluson", "longhua"}


def test_unknown_sites_are_refused_with_the_known_ones() -> None:
    rows = (PHILIPS, VOLUSON, OTHER)
    assert known_sites(rows) == ("longhua", "szph", "szph:philips", "szph:voluson")
    for site in known_sites(rows):
        check_site(site, rows, "--held-out")
    with pytest.raises(InputError, match=r"longhua, szph, szph:philips, szph:voluson\. Got 'szph:ge'.*--source"):
        check_site("szph:ge", rows, "--source")


def test_a_name_that_means_a_hospital_and_a_scanner_is_refused() -> None:
    with pytest.raises(InputError, match="could be of szph or szph:philips"):
        check_site("szph:philips", (PHILIPS, Image("szph:philips", "")), "--held-out")


@given(images, images)
def test_the_names_of_one_side_take_no_image_of_another(first: list[Image], second: list[Image]) -> None:
    second = [image for image in second if image not in first]
    names = site_names([first, second])
    mine = {names[image.hospital, image.scanner] for image in first}
    assert all(any(in_site(name, image) for name in mine) for image in first)
    assert not any(in_site(name, image) for name in mine for image in second)
