"""Which software did a thing: what two arms have to share, beside their recipe, for their difference to be its."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

import torch

_PACKAGE = Path(__file__).parents[1]
# What decides a training's steps: the room and those that it imports.
_TRAINING = ("datasets", "imaging", "losses", "metrics", "model", "training")
# Who did the steps up to a resume point from before it was written down.
NOT_RECORDED = "not recorded"


@cache
def this_trainer() -> str:
    """Versions of torch and lightning-fabric, and a digest of the Python files that train, by name and content."""
    fabric = metadata.version("lightning-fabric")
    return f"torch {torch.__version__}, lightning-fabric {fabric}, code {code_digest(_TRAINING)}"


def and_this_trainer(trainers: Sequence[str]) -> tuple[str, ...]:
    """`trainers` of the steps so far, in their order, and this one, which does the next."""
    this = this_trainer()
    return tuple(trainers) if trainers and trainers[-1] == this else (*trainers, this)


def code_digest(places: Sequence[str]) -> str:
    """16 hexadecimal digits that change with the name or content of any Python file in `places` of the package."""
    digest = hashlib.sha256()
    for place in places:
        found = _PACKAGE / place
        for path in [found] if found.is_file() else sorted(found.rglob("*.py")):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(_PACKAGE).as_posix()} {content}\n".encode())
    return digest.hexdigest()[:16]
