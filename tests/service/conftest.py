"""A real service over the small bundle of the tests."""

from collections.abc import Iterator
from pathlib import Path

import block_bundle
import numpy as np
import pytest
from hand_fed_service import Running, serving

from edge_nt.errors import EdgeNtError, InputError


@pytest.fixture
def running(bundle_folder: Path, tmp_path: Path) -> Iterator[Running]:
    """Warmed up, running, without a frame yet."""
    with serving(bundle_folder, tmp_path / "out") as service:
        service.service.warm_up()
        service.start()
        yield service


@pytest.fixture
def scans() -> list[np.ndarray]:
    return [block_bundle.scan(seed, 240, 320) for seed in range(600, 610)]


@pytest.fixture
def broken_frame() -> EdgeNtError:
    return InputError(expected="a frame", got="half a frame", fix="send it again")
