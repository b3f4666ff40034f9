"""What a frame is like as a signal, without any network: level, darkness, texture and its direction, layout.

An autoencoder maps frames of little energy near the mean of its latents, so that a black frame looks typical to it.
These figures do not: a probe off the skin changes level and layout, blur the finest texture, noise the speckle, and
another depth moves texture from one scale to the next.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIGNAL_NAMES = (
    "brightness",
    "black share",
    "bright share",
    "texture 1 px",
    "texture 2 px",
    "texture 4 px",
    "texture 8 px",
    "texture direction",
    "speckle contrast",
    "depth of brightness",
    "columns in shadow",
)

# Darker than any speckle worth keeping, brighter than compression noise on a black screen.
_BLACK = 8
_BRIGHT = 200
# Half a gray level: what is below it was rounded away, so a logarithm of it says nothing.
_FLOOR = 0.5
_OCTAVES = 4
_SPECKLE_BLOCK_PX = 4


def signal_statistics(network_input: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The figures float64 (S,), in the order of `SIGNAL_NAMES`, of a preprocessed frame uint8 (H, W); always finite.

    Energies are logarithms of root mean squares in gray levels; shares lie in [0, 1]. H and W are multiples of 64.
    """
    levels = network_input.astype(np.float32)
    shares = cv2.calcHist([network_input], [0], None, [256], [0, 256]).reshape(-1) / network_input.size
    rows, columns = (cv2.reduce(levels, axis, cv2.REDUCE_AVG).reshape(-1) for axis in (1, 0))
    brightness = float(rows.mean())
    down = np.linspace(-1, 1, rows.size, dtype=np.float32)
    return np.array(
        [
            np.log(brightness + _FLOOR),
            shares[:_BLACK].sum(),
            shares[_BRIGHT:].sum(),
            *_octaves(levels),
            _log_rms(levels[1:], levels[:-1]) - _log_rms(levels[:, 1:], levels[:, :-1]),
            _speckle_contrast(levels),
            np.mean(rows * down) / (brightness + _FLOOR),
            np.mean(columns < 0.5 * (brightness + _FLOOR)),
        ],
        np.float64,
    )


def _octaves(levels: NDArray[np.float32]) -> list[float]:
    """Log energy of each band of a Laplacian pyramid, from the finest texture on."""
    energies = []
    for _ in range(_OCTAVES):
        coarser = cv2.pyrDown(levels)
        smooth = cv2.pyrUp(coarser, dstsize=(levels.shape[1], levels.shape[0]))
        energies.append(_log_rms(levels, np.asarray(smooth, np.float32)))
        levels = np.asarray(coarser, np.float32)
    return energies


def _speckle_contrast(levels: NDArray[np.float32]) -> float:
    """Mean of standard deviation over mean in small blocks that are not black; 0 where all are."""
    blocks = levels.shape[1] // _SPECKLE_BLOCK_PX, levels.shape[0] // _SPECKLE_BLOCK_PX
    mean, square = (cv2.resize(each, blocks, interpolation=cv2.INTER_AREA) for each in (levels, levels * levels))
    lit = mean > _BLACK
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    return float(np.mean(deviation[lit] / mean[lit])) if lit.any() else 0.0


def _log_rms(image: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.log(cv2.norm(image, other) / np.sqrt(image.size) + _FLOOR))
