"""What a study trains: sites, seeds, arms and the recipe that they share, from a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import quote

import msgspec

from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import Preprocess
from edge_nt.recipes import read_toml
from edge_nt.training.recipe import (
    DEFAULT_RECIPE,
    EQUAL,
    LARGEST_SEED,
    ROI_EDGE,
    ROI_L1,
    TrainRecipe,
    recipe_from,
    recipe_values,
)

Arm = Literal["control", "stage2", "no-edge", "no-l1", "equal-weights"]
ARMS: tuple[Arm, ...] = get_args(Arm)
CONTROL: Arm = "control"
# What every arm branches from.
STAGE1 = "stage1"
_TOP_KEYS = {"structures", "seeds", "arms", "precision", "preprocess", "recipe", "sites"}
_SITE_KEYS = {"name", "held_out", "sources", "seeds", "arms"}
_PREPROCESS_KEYS = set(Preprocess.__dataclass_fields__)
_PRECISIONS = ("auto", "float32", "bfloat16")
_LONGEST_NAME = 200


@dataclass(frozen=True)
class SiteProtocol:
    """One held-out site, what is trained without it, and with which seeds and arms; `sources` empty: every other."""

    name: str
    held_out: str
    sources: tuple[str, ...]
    seeds: tuple[int, ...]
    arms: tuple[Arm, ...]

    def __post_init__(self) -> None:
        # The name becomes a folder's beside protocol.json, study.json and study.md.
        escaped = quote(self.name, safe=" ")
        if not 0 < len(escaped) <= _LONGEST_NAME or self.name.startswith(".") or self.name.endswith((".json", ".md")):
            raise _wrong("a name for each [[sites]] block that a folder can have", repr(self.name))
        for name, values in (("seeds", self.seeds), ("arms", self.arms)):
            if not values or len(set(values)) != len(values):
                raise _wrong(f"{name} of {self.name}, each once", repr(list(values)))


@dataclass(frozen=True)
class Protocol:
    """A whole study. `recipe` holds every setting of a TrainRecipe by name; its seed is replaced by each of a site's.

    `structures` are the ROI names, the measured one first; `precision` is auto, float32 or bfloat16.
    """

    structures: tuple[str, ...]
    precision: str
    preprocess: Preprocess
    recipe: dict[str, Any]
    sites: tuple[SiteProtocol, ...]


def read_protocol(path: Path) -> Protocol:
    """The protocol in a TOML file, its recipe over the shipped one.

    Raises: InputError naming what is missing, unknown or out of range.
    """
    tables = read_toml(path)
    _refuse_unknown(set(tables) - _TOP_KEYS, path)
    blocks = tables.get("sites")
    if not isinstance(blocks, list) or not blocks or not all(isinstance(block, dict) for block in blocks):
        raise _wrong(f"at least one [[sites]] block in {path}", repr(blocks))
    sites = tuple(_site(block, tables, path) for block in blocks)
    names = [site.name for site in sites]
    if len(set(names)) != len(names):
        raise _wrong(f"a name of its own for each [[sites]] block in {path}", ", ".join(names))
    preprocess = _table(tables, "preprocess", path)
    _refuse_unknown({f"preprocess.{name}" for name in set(preprocess) - _PREPROCESS_KEYS}, path)
    recipe = _recipe(_table(tables, "recipe", path), path)
    protocol = Protocol(
        structures=_structures(tables, path),
        precision=_precision(tables, path),
        preprocess=Preprocess(**preprocess),
        recipe=_plain_values(recipe),
        sites=sites,
    )
    for site in sites:
        _refuse_equal_arms(recipe, site)
    return protocol


def arm_recipe(protocol: Protocol, seed: int, arm: str) -> TrainRecipe:
    """The recipe of an arm, or of the stage 1 that it branches from; arms differ in what stage 2 minimises alone."""
    recipe = recipe_from({**protocol.recipe, "seed": seed})
    changes: Mapping[str, dict[str, Any]] = {
        CONTROL: {"stage2_terms": ()},
        "no-edge": {"stage2_terms": tuple(term for term in recipe.stage2_terms if term != ROI_EDGE)},
        "no-l1": {"stage2_terms": tuple(term for term in recipe.stage2_terms if term != ROI_L1)},
        "equal-weights": {"stage2_weighting": EQUAL},
    }
    return replace(recipe, **changes.get(arm, {}))


def _site(block: dict[str, Any], tables: dict[str, Any], path: Path) -> SiteProtocol:
    _refuse_unknown({f"sites.{name}" for name in set(block) - _SITE_KEYS}, path)
    held_out = block.get("held_out")
    if not isinstance(held_out, str) or not held_out:
        raise _wrong(f"held_out, a site, in each [[sites]] block of {path}", repr(held_out))
    both = {**tables, **block}
    seeds, arms = both.get("seeds"), _texts(both, "arms", path, list(ARMS))
    if not isinstance(seeds, list) or not all(type(seed) is int and 0 <= seed <= LARGEST_SEED for seed in seeds):
        raise _wrong(f"seeds, a list of whole numbers from 0 to {LARGEST_SEED}, in {path}", repr(seeds))
    chosen = tuple(arm for arm in ARMS if arm in arms)
    if len(chosen) != len(arms):
        raise _wrong(f"arms among {', '.join(ARMS)}, each once, in {path}", ", ".join(arms))
    sources = _texts(block, "sources", path, [])
    name = block.get("name", held_out)
    if not isinstance(name, str):
        raise _wrong(f"name, a text, in each [[sites]] block of {path}", repr(name))
    return SiteProtocol(name, held_out, sources, tuple(seeds), chosen)


def _structures(tables: dict[str, Any], path: Path) -> tuple[str, ...]:
    names = _texts(tables, "structures", path, ["NT"])
    if not names or len(set(names)) != len(names):
        raise _wrong(f"structures, at least one and each once, in {path}", repr(list(names)))
    return names


def _precision(tables: dict[str, Any], path: Path) -> str:
    precision = tables.get("precision", "auto")
    if precision not in _PRECISIONS:
        raise _wrong(f"precision among {', '.join(_PRECISIONS)} in {path}", repr(precision))
    return str(precision)


def _recipe(own: dict[str, Any], path: Path) -> TrainRecipe:
    if "seed" in own:
        raise _wrong(f"seeds beside the recipe in {path}", "recipe.seed")
    shipped = read_toml(DEFAULT_RECIPE)
    augmentation = {**shipped["augmentation"], **_table(own, "augmentation", path)}
    return recipe_from({**shipped, **own, "augmentation": augmentation})


def _plain_values(recipe: TrainRecipe) -> dict[str, Any]:
    """The recipe as JSON has it, so that what is read back equals what was written."""
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(recipe_values(recipe)))
    return values


def _refuse_equal_arms(recipe: TrainRecipe, site: SiteProtocol) -> None:
    empty = Protocol((), "auto", Preprocess(), _plain_values(recipe), ())
    seen: dict[TrainRecipe, str] = {}
    for arm in site.arms:
        other = seen.setdefault(arm_recipe(empty, recipe.seed, arm), arm)
        if other != arm:
            raise _wrong("arms that differ with this recipe", f"{other} and {arm} of {site.name}, which are one")


def _table(tables: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise _wrong(f"{name}, a table, in {path}", repr(table))
    return table


def _texts(table: dict[str, Any], name: str, path: Path, default: list[str]) -> tuple[str, ...]:
    values = table.get(name, default)
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise _wrong(f"{name}, a list of names, in {path}", repr(values))
    return tuple(values)


def _refuse_unknown(names: set[str], path: Path) -> None:
    if names:
        raise _wrong(f"settings that a study's protocol has, in {path}", ", ".join(sorted(names)))


def _wrong(expected: str, got: str) -> InputError:
    return InputError(expected=expected, got=got, fix="correct the protocol; benchmarks/study.toml is a whole one")
