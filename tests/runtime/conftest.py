"""A bundle whose engines run on the GPU in memory."""

from pathlib import Path

import pytest
from built_bundle import built
from in_memory_device import InMemoryDevice

from edge_nt.bundle.read import Bundle


@pytest.fixture
def bundle(cart_gpu: InMemoryDevice, bundle_folder: Path) -> Bundle:
    return built(bundle_folder)
