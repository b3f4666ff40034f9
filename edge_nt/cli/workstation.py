"""The guard around imports that only a workstation can make."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edge_nt.errors import MissingDependencyError


@contextmanager
def workstation(purpose: str) -> Iterator[None]:
    """Raises: MissingDependencyError that names `purpose` where a package is missing inside the block."""
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            expected=f"a workstation's packages for {purpose}", got=str(error), fix="pip install 'edge-nt[train,peers]'"
        ) from error
