"""A latent in half precision: 2 bytes a number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError


def half_latent(latent: NDArray[np.float32], name: str) -> NDArray[np.float16]:
    """float32 (D,) → float16 (D,), rounded to nearest.

    Raises: InputError with `name` when a number is too large for float16, which would become infinity.
    """
    with np.errstate(over="ignore"):
        half = latent.astype(np.float16)
    if not np.isfinite(half).all():
        raise InputError(
            expected=f"latents up to {np.finfo(np.float16).max:g}, the largest number of float16",
            got=f"{np.abs(latent).max():g} for {name}",
            fix="keep the latents of this bundle in float32",
        )
    return half
