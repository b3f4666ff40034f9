"""The trained torch model as a session, the way a user would write it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge_nt.model.autoencoder import AutoEncoder


class TorchSession:
    """Encoder and decoder in torch's inference mode, batches as they come; torch chooses the number of threads.

    `bf16` runs them under CPU autocast. `compile_for`, a frame size (height, width) in px, passes both through
    ``torch.compile`` at its default settings, and compiles here, in an empty cache: a user's first start finds none.
    Raises: whatever ``torch.compile`` raises, for instance where there is no C++ compiler.
    """

    def __init__(self, model: AutoEncoder, *, bf16: bool = False, compile_for: tuple[int, int] | None = None) -> None:
        self.backend = f"torch {'compiled' if compile_for else 'eager'}{' bf16' if bf16 else ''}"
        self._bf16 = bf16
        self._encoder: nn.Module = model.encoder
        self._decoder: nn.Module = model.decoder
        if compile_for is not None:
            # Typed as a callable; what it returns for a module is a module.
            self._encoder = cast(nn.Module, torch.compile(model.encoder))
            self._decoder = cast(nn.Module, torch.compile(model.decoder))
            with _empty_compile_cache():
                self.decode(self.encode(np.zeros((1, 1, *compile_for), np.float32)))

    def encode(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images float32 (N, 1, H, W) in [0, 1] → latents float32 (N, D)."""
        return self._run(self._encoder, images)

    def decode(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Latents float32 (N, D) → images float32 (N, 1, H, W)."""
        return self._run(self._decoder, latents)

    def _run(self, module: nn.Module, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self._bf16):
            output: Tensor = module(torch.from_numpy(batch))
        return np.asarray(output.float().numpy(), np.float32)


@contextmanager
def _empty_compile_cache() -> Iterator[None]:
    name = "TORCHINDUCTOR_CACHE_DIR"
    before = os.environ.get(name)
    with tempfile.TemporaryDirectory(prefix="edge-nt-compile-") as folder:
        os.environ[name] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before
