"""The shipping OOD statistics as plain arrays for an npz, read back with ``allow_pickle=False``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.ood.calibration import Calibration
from edge_nt.ood.combined import CombinedOodModel
from edge_nt.ood.components import COMPONENT_NAMES
from edge_nt.ood.conformal import HeldInScores
from edge_nt.ood.mahalanobis import ood_arrays, ood_from_arrays
from edge_nt.ood.signals import SIGNAL_NAMES

_SIGNAL_PREFIX = "signal_"
_LATENT_ARRAYS = ("hospitals", "means", "whitening", "shrinkage", "threshold", "quantile")
_NAMES = {"signal_names": SIGNAL_NAMES, "component_names": COMPONENT_NAMES}
_HELD_IN = ("held_in_scores", "held_in_patients")
_FLOATS = {
    "error_coefficients": (1 + len(SIGNAL_NAMES),),
    "component_median": (len(COMPONENT_NAMES),),
    "component_below": (len(COMPONENT_NAMES),),
    "component_above": (len(COMPONENT_NAMES),),
    "combined_threshold": (),
    "combined_quantile": (),
}


def combined_arrays(model: CombinedOodModel) -> dict[str, NDArray[Any]]:
    """The model as arrays: those of `ood_arrays`, the same of signals as ``signal_…``, calibration, held-in scores."""
    return {
        **ood_arrays(model.latent),
        **{f"{_SIGNAL_PREFIX}{name}": array for name, array in ood_arrays(model.signals).items()},
        **{name: np.asarray(names, np.str_) for name, names in _NAMES.items()},
        "error_coefficients": model.error_coefficients,
        "component_median": model.calibration.median,
        "component_below": model.calibration.below,
        "component_above": model.calibration.above,
        "combined_threshold": np.asarray(model.threshold, np.float64),
        "combined_quantile": np.asarray(model.quantile, np.float64),
        "held_in_scores": model.held_in.scores,
        "held_in_patients": model.held_in.patients,
    }


def combined_from_arrays(arrays: Mapping[str, NDArray[Any]]) -> CombinedOodModel:
    """The model that `combined_arrays` wrote.

    Raises: InputError when an array is missing, unknown, of another shape or type, or holds what no fit gives, and
    when the file was made by a version with other signals.
    """
    wanted = {*_LATENT_ARRAYS, *(f"{_SIGNAL_PREFIX}{name}" for name in _LATENT_ARRAYS), *_NAMES, *_FLOATS, *_HELD_IN}
    if set(arrays) != wanted:
        missing, extra = sorted(wanted - set(arrays)), sorted(set(arrays) - wanted)
        raise _refused(f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(extra) or 'none'}")
    for name, names in _NAMES.items():
        array = arrays[name]
        if array.ndim != 1 or array.dtype.kind != "U" or tuple(array.tolist()) != names:
            raise _refused(f"{name} {array.dtype} {array.shape} that are not this version's")
    for name, shape in _FLOATS.items():
        if arrays[name].shape != shape or arrays[name].dtype != np.float64:
            raise _refused(f"{name} of {arrays[name].dtype} {arrays[name].shape}")
    return CombinedOodModel(
        ood_from_arrays({name: arrays[name] for name in _LATENT_ARRAYS}),
        ood_from_arrays({name: arrays[f"{_SIGNAL_PREFIX}{name}"] for name in _LATENT_ARRAYS}),
        arrays["error_coefficients"],
        Calibration(arrays["component_median"], arrays["component_below"], arrays["component_above"]),
        float(arrays["combined_threshold"]),
        float(arrays["combined_quantile"]),
        HeldInScores(*(arrays[name] for name in _HELD_IN)),
    )


def _refused(got: str) -> InputError:
    return InputError(
        expected="the OOD statistics of this version: latent, signals and their calibration",
        got=got,
        fix="export the run again",
    )
