from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from edge_nt.errors import InputError
from edge_nt.npz import read_npz
from edge_nt.ood.combined import combined_scores
from edge_nt.ood.combined_arrays import combined_arrays, combined_from_arrays
from edge_nt.ood.mahalanobis import ood_from_arrays
from edge_nt.ood.signals import SIGNAL_NAMES
from tests.ood.conftest import Fitted

_S = len(SIGNAL_NAMES)


def test_survives_npz_without_pickle_to_the_bit(fitted: Fitted) -> None:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **combined_arrays(fitted.model))
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        again = combined_from_arrays({name: stored[name] for name in stored.files})
    figures = fitted.codec.figures(fitted.validation[:4])
    assert (again.threshold, again.quantile) == (fitted.model.threshold, fitted.model.quantile)
    np.testing.assert_array_equal(combined_scores(again, figures), combined_scores(fitted.model, figures))


def test_the_plain_statistics_can_be_read_from_the_same_arrays(fitted: Fitted) -> None:
    assert ood_from_arrays(combined_arrays(fitted.model)).threshold == fitted.model.latent.threshold


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("means", None),
        ("signal_means", None),
        ("combined_threshold", None),
        ("surprise", np.zeros(1)),
        ("signal_names", np.array(["brightness"] * _S)),
        ("signal_names", np.array(SIGNAL_NAMES[:-1])),
        ("signal_names", np.arange(_S)),
        ("component_names", np.array([["latent distance"]])),
        ("signal_hospitals", np.array(["b"])),
        ("signal_means", np.zeros((1, _S - 1))),
        ("signal_means", np.full((1, _S), np.nan)),
        ("signal_whitening", np.zeros((_S, _S))),
        ("signal_whitening", -np.eye(_S)),
        ("signal_whitening", np.ones((_S, _S))),
        ("whitening", np.full((64, 64), np.inf)),
        ("error_coefficients", np.zeros(_S)),
        ("error_coefficients", np.full(_S + 1, np.inf)),
        ("error_coefficients", np.zeros(_S + 1, np.float32)),
        ("component_median", np.zeros(4)),
        ("component_above", np.array([1.0, 0.0, 1.0])),
        ("component_below", np.array([1.0, np.nan, 1.0])),
        ("component_above", np.array([1.0, np.inf, 1.0])),
        ("component_below", np.array([np.inf, 1.0, np.inf])),
        ("component_below", np.ones(3)),
        ("combined_threshold", np.array(-1.0)),
        ("combined_threshold", np.array(np.nan)),
        ("combined_threshold", np.zeros(1)),
        ("combined_quantile", np.array(0.0)),
        ("combined_quantile", np.array("0.95")),
        ("held_in_scores", None),
        ("held_in_scores", np.zeros(3)),
        ("held_in_scores", np.arange(60.0)[::-1]),
        ("held_in_scores", np.arange(60.0) - 1),
        ("held_in_scores", np.full(60, np.nan)),
        ("held_in_scores", np.arange(60.0, dtype=np.float32)),
        ("held_in_scores", np.array([str(i) for i in range(60)])),
        ("held_in_patients", np.arange(60.0)),
        ("held_in_patients", np.arange(60)[::-1]),
        ("held_in_patients", np.arange(60) * 2**40),
        ("held_in_patients", np.full(60, -1)),
        ("held_in_patients", np.zeros((60, 1), np.int64)),
    ],
)
def test_refuses_arrays_that_are_no_model(fitted: Fitted, name: str, value: np.ndarray | None) -> None:
    arrays = combined_arrays(fitted.model)
    if value is None:
        del arrays[name]
    else:
        arrays[name] = value
    with pytest.raises(InputError, match="OOD"):
        combined_from_arrays(arrays)


def test_values_of_no_size_grow_beyond_no_bound() -> None:
    # An array of 10^12 empty texts takes no bytes at all, until somebody makes a list of it.
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        member = io.BytesIO()
        np.lib.format.write_array_header_1_0(member, {"descr": "<U0", "fortran_order": False, "shape": (10**12,)})
        archive.writestr("hospitals.npy", member.getvalue())
    with pytest.raises(ValueError, match="values of no size"):
        read_npz(file.getvalue(), 1 << 20)
