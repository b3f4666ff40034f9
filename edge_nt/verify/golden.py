"""Whether a bundle gives on this machine what it gave where it was exported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_nt.errors import GateFailedError
from edge_nt.imaging.letterbox import to_unit_range
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.verify.gates import GateFile


@dataclass(frozen=True)
class GoldenError:
    """The worst golden frame: relative L2 error of its latent, mean |difference| of its picture in grey levels."""

    frames: int
    latent_relative_error: float
    reconstruction_grey_levels: float


def check_golden(reconstructor: Reconstructor, gate_file: GateFile) -> GoldenError:
    """Run the bundle's golden frames again and compare.

    Raises: GateFailedError when this machine is further from the golden vectors than the precision's tolerance.
    """
    golden = reconstructor.bundle.golden
    latents = reconstructor.session.encode(to_unit_range(golden.frames))
    # Decoded from the golden latents, so that an error of the encoder is not counted twice.
    pictures = reconstructor.session.decode(golden.latents)
    size = np.maximum(np.linalg.norm(golden.latents, axis=1), np.finfo(np.float32).tiny)
    latent_errors = np.linalg.norm(latents - golden.latents, axis=1) / size
    picture_errors = np.abs(pictures - golden.reconstructions).mean(axis=(1, 2, 3)) * 255
    found = GoldenError(len(golden.frames), float(latent_errors.max()), float(picture_errors.max()))
    precision = reconstructor.bundle.manifest.precision
    limit = gate_file.golden[precision]
    # Written so that NaN, which compares false with everything, fails.
    if not (
        found.latent_relative_error <= limit.latent_max_relative_error
        and found.reconstruction_grey_levels <= limit.reconstruction_max_grey_levels
    ):
        raise GateFailedError(
            expected=f"golden vectors of {reconstructor.bundle.folder} within {limit.latent_max_relative_error:g} "
            f"(latent) and {limit.reconstruction_max_grey_levels:g} grey levels ({precision})",
            got=f"{found.latent_relative_error:.2g} and {found.reconstruction_grey_levels:.2g}",
            fix="update onnxruntime on this machine, or use a precision that its processor runs faithfully",
        )
    return found
