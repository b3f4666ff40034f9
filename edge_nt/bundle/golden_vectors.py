"""What a bundle's own graphs gave when it was written, for whoever runs them to repeat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.bundle.manifest import wrong_field


@dataclass(frozen=True)
class GoldenVectors:
    """Network-sized frames uint8 (n, H, W) with the latents float32 (n, D) and reconstructions float32 (n, 1, H, W)
    that the bundle's own graphs gave when it was written.
    """

    frames: NDArray[np.uint8]
    latents: NDArray[np.float32]
    reconstructions: NDArray[np.float32]

    def __post_init__(self) -> None:
        types = tuple(str(array.dtype) for array in (self.frames, self.latents, self.reconstructions))
        dims = self.frames.ndim, self.latents.ndim, self.reconstructions.ndim
        count = len(self.frames) if self.frames.ndim else 0
        shaped = (
            types == ("uint8", "float32", "float32")
            and dims == (3, 2, 4)
            and count >= 1
            and len(self.latents) == count
            and self.reconstructions.shape == (count, 1, *self.frames.shape[1:])
        )
        if not shaped:
            raise wrong_field(
                "golden vectors",
                "uint8 frames (n, H, W), float32 latents (n, D), float32 reconstructions (n, 1, H, W)",
                f"{self.frames.shape}, {self.latents.shape}, {self.reconstructions.shape} of {types}",
            )
        if not (np.isfinite(self.latents).all() and np.isfinite(self.reconstructions).all()):
            raise wrong_field("golden vectors", "finite numbers", "NaN or infinity")
