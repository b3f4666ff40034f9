"""Which software trains: what two arms have to share, beside their recipe, for their difference to be the recipe's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

_PACKAGE = Path(__file__).parents[1]
_ROOMS = ("losses", "model", "training")
# Who did the steps up to a resume point from before it was written down.
NOT_RECORDED = "not recorded"


@cache
def this_trainer() -> str:
    """torch's version and a digest of the Python files of losses, model and training, by name and content."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        for path in sorted((_PACKAGE / room).rglob("*.py")):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(_PACKAGE).as_posix()} {content}\n".encode())
    return f"torch {torch.__version__}, code {digest.hexdigest()[:16]}"


def and_this_trainer(trainers: Sequence[str]) -> tuple[str, ...]:
    """`trainers` of the steps so far, in their order, and this one, which does the next."""
    this = this_trainer()
    return tuple(trainers) if trainers and trainers[-1] == this else (*trainers, this)
