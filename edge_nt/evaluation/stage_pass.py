"""One stage's model over frames: latents, reconstructions and what they lose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import to_unit_range
from edge_nt.imaging.roi import Roi
from edge_nt.metrics.roi_metrics import ImageMetrics, image_metrics
from edge_nt.model.autoencoder import AutoEncoder

OnFrame = Callable[[], None]


@dataclass(frozen=True)
class StagePass:
    """Latents float32 (N, D) of N frames and the metrics of each one's reconstruction, in the same order."""

    latents: NDArray[np.float32]
    metrics: tuple[ImageMetrics, ...]


def score_frames(
    model: AutoEncoder,
    frames: NDArray[np.uint8],
    rois: tuple[tuple[Roi, ...], ...],
    *,
    batch_size: int,
    on_frame: OnFrame,
) -> StagePass:
    """Encode, decode and measure frames uint8 (N, H, W); each one's `rois` are in pixels of these frames.

    `on_frame` is called after each. Raises: InputError when the model puts out NaN or leaves [0, 1].
    """
    latents: list[NDArray[np.float32]] = []
    metrics: list[ImageMetrics] = []
    for batch in _batches(frames, batch_size):
        codes, reconstructions = reconstruct(model, batch)
        latents.append(codes)
        for reference, candidate in zip(to_unit_range(batch)[:, 0], reconstructions, strict=True):
            metrics.append(image_metrics(reference, candidate, rois[len(metrics)]))
            on_frame()
    return StagePass(np.concatenate(latents), tuple(metrics))


def encode_frames(
    model: AutoEncoder, frames: NDArray[np.uint8], *, batch_size: int, on_frame: OnFrame
) -> NDArray[np.float32]:
    """Latents float32 (N, D) of frames uint8 (N, H, W); `on_frame` is called after each."""
    latents: list[NDArray[np.float32]] = []
    for batch in _batches(frames, batch_size):
        with torch.inference_mode():
            latents.append(model.encode(torch.from_numpy(to_unit_range(batch))).numpy())
        for _ in batch:
            on_frame()
    return np.concatenate(latents)


def reconstruct(model: AutoEncoder, frames: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Latents float32 (N, D) and reconstructions float32 (N, H, W) in [0, 1] of frames uint8 (N, H, W)."""
    with torch.inference_mode():
        codes = model.encode(torch.from_numpy(to_unit_range(frames)))
        return codes.numpy(), model.decode(codes)[:, 0].numpy()


def _batches(frames: NDArray[np.uint8], batch_size: int) -> Iterator[NDArray[np.uint8]]:
    if batch_size < 1 or len(frames) == 0:
        raise InputError(
            expected="at least one frame, in batches of at least one",
            got=f"{len(frames)} frames in batches of {batch_size}",
            fix="name a split or folder that has images",
        )
    for first in range(0, len(frames), batch_size):
        yield frames[first : first + batch_size]
