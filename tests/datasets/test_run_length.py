"""COCO's run-length masks, against what pycocotools 2.0.11 wrote, and against itself where it is installed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from edge_nt.datasets.run_length import mask_from_run_length

BLOCKS = (
    "S35P1000ZO<KD5<KD5<KD5<KD5<KD50J31M50J31M50J31M50J31M50J31M5<KD5<KD5<KD5<KD5<KD5<KD5<KD5<KD5<KD5<KD5"
    "<KD5<KD5<KD5<KD5<KD5<KD5<KD5<KD5<KD5<KD5<KD5<KD5<KD5<KD5<KDk00000000000000000000e2L"
)
LINE = "01T11O10000000000000000000000000000000000000000000000000000000O1O\\g0"


def _blocks() -> np.ndarray:
    mask = np.zeros((37, 53), bool)
    mask[3:20, 5:40] = True
    mask[8:12, 10:15] = False
    mask[25:30, 2:50] = True
    mask[36, 52] = True
    return mask


def _line() -> np.ndarray:
    mask = np.zeros((37, 53), bool)
    for row in range(30):
        mask[row, row : row + 3] = True
    return mask


def test_text_that_pycocotools_wrote() -> None:
    for text, mask in ((BLOCKS, _blocks()), (LINE, _line())):
        assert np.array_equal(mask_from_run_length({"size": [37, 53], "counts": text}), mask)


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.booleans()))
def test_lists_of_lengths_run_down_the_columns(mask: np.ndarray) -> None:
    values = mask.T.ravel()
    ends = [*(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    lengths = ([0] if values[0] else []) + np.diff([0, *ends]).tolist()
    assert np.array_equal(mask_from_run_length({"size": list(mask.shape), "counts": lengths}), mask)


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=60), elements=st.integers(0, 1)))
def test_whatever_pycocotools_writes_is_read(mask: np.ndarray) -> None:
    coco = pytest.importorskip("pycocotools.mask", reason="an outside reference, no dependency")
    written = coco.encode(np.asfortranarray(mask))
    text = {"size": [int(side) for side in written["size"]], "counts": written["counts"].decode()}
    assert np.array_equal(mask_from_run_length(text), mask.astype(bool))


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ({}, "size None"),
        ({"size": [3], "counts": [3]}, "size"),
        ({"size": [3, True], "counts": [3]}, "size"),
        ({"size": [-3, -1], "counts": [3]}, "size"),
        ({"size": [10**9, 10**9], "counts": [10**18]}, "larger than any image"),
        ({"size": [3, 1]}, "no list of lengths"),
        ({"size": [3, 1], "counts": [1.0, 2.0]}, "no list of lengths"),
        ({"size": [3, 1], "counts": [4, -1]}, "no list of lengths"),
        ({"size": [3, 1], "counts": [1, 1]}, "add up to 2"),
        ({"size": [3, 1], "counts": [10**30]}, "add up to 10"),
        ({"size": [3, 1], "counts": "3\u00e9"}, "no run-length text"),
        ({"size": [3, 1], "counts": " "}, "no run-length text"),
        ({"size": [3, 1], "counts": "o" * 50}, "no run-length text"),
        ({"size": [3, 1], "counts": "Q"}, "end within a length"),
        ({"size": [3, 1], "counts": "O"}, "no list of lengths"),
        ({"size": [37, 53], "counts": BLOCKS[:-5]}, "counts of a mask"),
    ],
)
def test_broken_masks_are_refused(encoded: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        mask_from_run_length(encoded)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=130), max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        mask = mask_from_run_length({"size": [4, 5], "counts": text})
    except ValueError:
        return
    assert mask.shape == (4, 5)
