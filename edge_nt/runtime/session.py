"""What the runtime asks of an inference backend: arrays in, arrays out."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Session(Protocol):
    """An encoder and a decoder ready to run. One thread at a time: buffers are reused between calls."""

    @property
    def backend(self) -> str:
        """The name that opens it, one of `edge_nt.runtime.backends.BACKENDS`."""

    def encode(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images float32 (N, 1, H, W) in [0, 1] → latents float32 (N, D)."""

    def decode(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Latents float32 (N, D) → images float32 (N, 1, H, W), about [0, 1] and not clipped."""
