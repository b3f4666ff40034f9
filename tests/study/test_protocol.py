"""Protocols from TOML: what they hold, what is refused, and how arms differ."""

from pathlib import Path

import pytest

from edge_nt.errors import InputError
from edge_nt.recipes import default_path
from edge_nt.study.protocol import ARMS, STAGE1, arm_recipe, read_protocol

SITE = '\n[[sites]]\nheld_out = "a"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "protocol.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["study.toml", "study_demo.toml"])
def test_the_shipped_protocols_are_whole(name: str) -> None:
    protocol = read_protocol(default_path(f"benchmarks/{name}"))
    assert protocol.structures == ("NT",)
    assert {"control", "stage2"} <= {arm for site in protocol.sites for arm in site.arms}


def test_a_site_block_overrides_what_stands_above(tmp_path: Path) -> None:
    text = "seeds = [0, 1]\n[recipe]\nstage1_steps = 5\n[recipe.augmentation]\nshift = 0.01\n" + SITE
    text += (
        '[[sites]]\nheld_out = "b:new"\nsources = ["b:old"]\nseeds = [4]\narms = ["stage2", "control"]\nname = "new"\n'
    )
    protocol = read_protocol(write(tmp_path, text))
    first, second = protocol.sites
    assert (first.name, first.sources, first.seeds, first.arms) == ("a", (), (0, 1), ARMS)
    assert (second.name, second.held_out, second.sources) == ("new", "b:new", ("b:old",))
    assert (second.seeds, second.arms) == ((4,), ("control", "stage2"))
    recipe = arm_recipe(protocol, 4, STAGE1)
    assert (recipe.seed, recipe.stage1_steps, recipe.augmentation.shift) == (4, 5, 0.01)


def test_arms_differ_from_stage_2_in_its_terms_and_weights_alone(tmp_path: Path) -> None:
    protocol = read_protocol(write(tmp_path, "seeds = [0]\n" + SITE))
    recipes = {arm: arm_recipe(protocol, 0, arm) for arm in (STAGE1, *ARMS)}
    assert recipes[STAGE1] == recipes["stage2"]
    terms = {arm: (recipe.stage2_terms, recipe.stage2_weighting) for arm, recipe in recipes.items()}
    assert terms == {
        "stage1": (("roi_l1", "roi_edge_l1"), "step-gradients"),
        "control": ((), "step-gradients"),
        "stage2": (("roi_l1", "roi_edge_l1"), "step-gradients"),
        "no-edge": (("roi_l1",), "step-gradients"),
        "no-l1": (("roi_edge_l1",), "step-gradients"),
        "equal-weights": (("roi_l1", "roi_edge_l1"), "equal"),
    }
    assert len({recipe.stage2_steps for recipe in recipes.values()}) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seeds = [0]\n", r"\[\[sites\]\]"),
        (SITE, "seeds"),
        ("seeds = [0, 0]\n" + SITE, "each once"),
        ("seeds = [-1]\n" + SITE, "from 0"),
        ("seeds = [0]\nseed = 1\n" + SITE, "seed"),
        ("seeds = [0]\n[recipe]\nseed = 1\n" + SITE, "recipe.seed"),
        ("seeds = [0]\n[recipe]\ncolour = 1\n" + SITE, "colour"),
        ("seeds = [0]\n[recipe]\nbatch_size = 0\n" + SITE, "batch_size"),
        ("seeds = [0]\n[preprocess]\ndepth = 1\n" + SITE, "preprocess.depth"),
        ('seeds = [0]\n[preprocess]\nheight = "192"\n' + SITE, "multiples of 64"),
        ('seeds = [0]\n[preprocess]\nmask_overlays = "no"\n' + SITE, "mask_overlays, true or false"),
        (f"seeds = [{2**63}]\n" + SITE, f"to {2**63 - 1}"),
        ("seeds = [0]\nstructures = []\n" + SITE, "at least one and each once"),
        ('seeds = [0]\nstructures = ["NT", "NT"]\n' + SITE, "at least one and each once"),
        ('seeds = [0]\nprecision = "float64"\n' + SITE, "precision among auto"),
        ("seeds = [0]\n" + SITE + "name = 1\n", "name, a text"),
        ("seeds = [0]\n" + SITE + 'name = ".."\n', "that a folder can have"),
        ("seeds = [0]\n" + SITE + 'name = ""\n', "that a folder can have"),
        ("seeds = [0]\n" + SITE + f'name = "{"é" * 50}"\n', "that a folder can have"),
        ("seeds = [0]\n" + SITE + 'name = "protocol.json"\n', "that a folder can have"),
        ('seeds = [0]\narms = ["best"]\n' + SITE, "control, stage2, no-edge"),
        ('seeds = [0]\narms = ["control", "control"]\n' + SITE, "each once"),
        ("seeds = [0]\n[[sites]]\nsources = []\n", "held_out"),
        ("seeds = [0]\n" + SITE + SITE, "a name of its own"),
        ("seeds = [0]\n" + SITE + 'site = "b"\n', "sites.site"),
        ('seeds = [0]\n[recipe]\nstage2_terms = ["roi_l1"]\n' + SITE, "stage2 and no-edge of a, which are one"),
    ],
)
def test_a_wrong_protocol_is_refused_with_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_protocol(write(tmp_path, text))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "protocol.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="a TOML file"):
        read_protocol(path)
