"""What the runtime says about one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.imaging.letterbox import Preprocess, from_unit_range, unletterbox
from edge_nt.ood.combined_scorer import OodScore


@dataclass(frozen=True)
class StageTimes:
    """How long each stage of one frame took, in milliseconds; decoding a file is not among them."""

    preprocess_ms: float
    encode_ms: float
    decode_ms: float
    score_ms: float

    @property
    def total_ms(self) -> float:
        """The sum of the stages."""
        return self.preprocess_ms + self.encode_ms + self.decode_ms + self.score_ms


@dataclass(frozen=True)
class Reconstruction:
    """One frame through the bundle.

    `latent` is float32 (D,); `network_input` uint8 (H, W) is what the encoder saw; `network_output` float32 (H, W) is
    what the decoder made of it, clipped to [0, 1]. `ood` is the frame's score with the components that it is made of.
    """

    source: str
    source_height_px: int
    source_width_px: int
    preprocess: Preprocess
    network_input: NDArray[np.uint8]
    network_output: NDArray[np.float32]
    latent: NDArray[np.float32]
    ood: OodScore
    times: StageTimes

    @property
    def ood_score(self) -> float:
        """How unusual the frame is, ≥ 0, in distribution up to `ood_threshold`; both in held-in deviations."""
        return self.ood.score

    @property
    def ood_threshold(self) -> float:
        """The score that keeps 95 % of held-in validation."""
        return self.ood.threshold

    @property
    def in_distribution(self) -> bool:
        """Whether the frame looks like those the model was trained on: its score does not pass the threshold."""
        return self.ood.in_distribution

    @property
    def image(self) -> NDArray[np.uint8]:
        """The reconstruction uint8 (H, W) at network size, letterbox bars included."""
        return np.asarray(from_unit_range(self.network_output[None, None])[0], np.uint8)

    def source_image(self) -> NDArray[np.uint8]:
        """The reconstruction uint8 at the size of the source frame, without letterbox bars."""
        return unletterbox(self.image, self.source_height_px, self.source_width_px, self.preprocess)
