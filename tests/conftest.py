"""Fixtures that several rooms' tests share; the folder itself becomes importable (`block_bundle`)."""

import gc
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import block_bundle
import in_memory_device
import pytest
from hypothesis import settings
from in_memory_device import InMemoryDevice

from edge_nt.runtime import device as device_room

# Examples here write and fsync files: how long a disk takes says nothing about the code. pytest-timeout bounds a test.
settings.register_profile("edge-nt", deadline=None)
settings.load_profile("edge-nt")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Choices of backends are remembered beside the tests, never in the folder of the person who runs them."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("EDGE_NT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """A shell starts what a script puts into the background deaf to Ctrl-C, and processes inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def _written_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return block_bundle.write(tmp_path_factory.mktemp("bundles") / "fp32-bundle")


@pytest.fixture
def bundle_folder(_written_bundle: Path, tmp_path: Path) -> Path:
    """A small real FP32 bundle: block means as the encoder, nearest enlarging as the decoder."""
    return Path(shutil.copytree(_written_bundle, tmp_path / "fp32-bundle"))


@pytest.fixture
def dataset_folder(tmp_path: Path) -> Path:
    """Two source hospitals and a held-out one, with an NT box on every picture."""
    return block_bundle.write_scans(tmp_path / "scans")


@pytest.fixture
def cart_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryDevice]:
    """A machine with a GPU, TensorRT and pycuda, all in memory; nothing may be left on it at the end."""
    installed = in_memory_device.install(monkeypatch)
    yield installed
    gc.collect()
    device_room.open_device.cache_clear()
    gpu = installed.gpu
    assert (gpu.stack, gpu.memory, gpu.streams, gpu.graphs) == ([], {}, {}, {})
