"""Fixtures that several rooms' tests share; the folder itself becomes importable (`block_bundle`)."""

from collections.abc import Iterator
from pathlib import Path

import block_bundle
import pytest
from hypothesis import settings

# Examples here write and fsync files: how long a disk takes says nothing about the code. pytest-timeout bounds a test.
settings.register_profile("edge-nt", deadline=None)
settings.load_profile("edge-nt")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Choices of backends are remembered beside the tests, never in the folder of the person who runs them."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("EDGE_NT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def bundle_folder(tmp_path: Path) -> Path:
    """A small real FP32 bundle: block means as the encoder, nearest enlarging as the decoder."""
    return block_bundle.write(tmp_path / "fp32-bundle")


@pytest.fixture
def dataset_folder(tmp_path: Path) -> Path:
    """Two source hospitals and a held-out one, with an NT box on every picture."""
    return block_bundle.write_scans(tmp_path / "scans")
