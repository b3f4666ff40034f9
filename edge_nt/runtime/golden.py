"""Whether a backend gives on this machine what the bundle's graphs gave where it was exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_nt.bundle.manifest import PRECISIONS, Precision
from edge_nt.bundle.read import Bundle
from edge_nt.errors import GateFailedError
from edge_nt.imaging.letterbox import to_unit_range
from edge_nt.recipes import check_keys, default_path, limits, read_toml
from edge_nt.runtime.session import Session


@dataclass(frozen=True)
class GoldenTolerance:
    """How far this machine may be from the golden vectors: relative L2 of a latent, mean grey levels of a picture."""

    latent_max_relative_error: float
    reconstruction_max_grey_levels: float


GoldenTolerances = Mapping[Precision, GoldenTolerance]


@dataclass(frozen=True)
class GoldenError:
    """The worst golden frame: relative L2 error of its latent, mean |difference| of its picture in grey levels."""

    frames: int
    latent_relative_error: float
    reconstruction_grey_levels: float


def golden_tolerances(tables: Mapping[str, Any], path: Path) -> GoldenTolerances:
    """The tolerance of each precision from the ``[golden.*]`` tables of a gate file read from `path`.

    Raises: InputError for a missing or unknown setting, or a limit that is not a finite number from 0 up.
    """
    golden = check_keys(tables["golden"], set(PRECISIONS), path, "[golden]")
    return {name: limits(GoldenTolerance, golden[name], path, f"[golden.{name}]") for name in PRECISIONS}


def shipped_tolerances() -> GoldenTolerances:
    """The tolerances of the shipped `benchmarks/roi_gates.toml`."""
    path = default_path("benchmarks/roi_gates.toml")
    return golden_tolerances(read_toml(path), path)


def check_golden(bundle: Bundle, session: Session, tolerances: GoldenTolerances) -> GoldenError:
    """Run the bundle's golden frames again and compare.

    Raises: GateFailedError when this machine is further from the golden vectors than the precision's tolerance.
    """
    found = _golden_error(bundle, session)
    precision = bundle.manifest.precision
    limit = tolerances[precision]
    # Written so that NaN, which compares false with everything, fails.
    if not (
        found.latent_relative_error <= limit.latent_max_relative_error
        and found.reconstruction_grey_levels <= limit.reconstruction_max_grey_levels
    ):
        raise GateFailedError(
            expected=f"golden vectors of {bundle.folder} within {limit.latent_max_relative_error:g} (latent) and "
            f"{limit.reconstruction_max_grey_levels:g} grey levels ({precision}) on {session.backend}",
            got=f"{found.latent_relative_error:.2g} and {found.reconstruction_grey_levels:.2g}",
            fix=f"use another --backend than {session.backend}, update it on this machine, or use a precision that "
            "its processor runs faithfully",
        )
    return found


def _golden_error(bundle: Bundle, session: Session) -> GoldenError:
    golden = bundle.golden
    latents = session.encode(to_unit_range(golden.frames))
    # Decoded from the golden latents, so that an error of the encoder is not counted twice.
    pictures = session.decode(golden.latents)
    size = np.maximum(np.linalg.norm(golden.latents, axis=1), np.finfo(np.float32).tiny)
    latent_errors = np.linalg.norm(latents - golden.latents, axis=1) / size
    picture_errors = np.abs(pictures - golden.reconstructions).mean(axis=(1, 2, 3)) * 255
    return GoldenError(len(golden.frames), float(latent_errors.max()), float(picture_errors.max()))
