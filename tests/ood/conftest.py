from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from edge_nt.imaging.letterbox import Preprocess, letterbox
from edge_nt.ood.combined import CombinedOodModel, FrameFigures, frame_figures, signals_of
from edge_nt.ood.combined_fit import fit_combined
from edge_nt.phantom.generate import render_phantom

_TRAINING, _VALIDATION, _VARIANTS, _LATENT_DIM = 24, 12, 5, 64


@dataclass(frozen=True, eq=False)
class LinearCodec:
    """A real autoencoder that needs no training: the principal components of the frames."""

    mean: np.ndarray
    components: np.ndarray
    shape: tuple[int, int]

    def encode(self, frames: np.ndarray) -> np.ndarray:
        return (frames.reshape(len(frames), -1) / 255.0 - self.mean) @ self.components.T

    def decode(self, latents: np.ndarray) -> np.ndarray:
        flat = np.clip(self.mean + latents @ self.components, 0, 1)
        return flat.reshape(-1, *self.shape).astype(np.float32)

    def figures(self, frames: np.ndarray) -> FrameFigures:
        latents = self.encode(frames)
        return frame_figures(frames, latents, self.decode(latents))


@dataclass(frozen=True, eq=False)
class Fitted:
    """Phantoms at the gains of many scanners, a linear autoencoder of the training ones, and the model fitted on it.

    `patients` names the phantom of which each validation frame is a variant.
    """

    codec: LinearCodec
    training: np.ndarray
    validation: np.ndarray
    patients: list[str]
    model: CombinedOodModel


@pytest.fixture(scope="session")
def fitted() -> Fitted:
    generator, preprocess = np.random.default_rng(0), Preprocess()

    def variant(frame: np.ndarray) -> np.ndarray:
        """Moved, maybe mirrored, and at another gain, as scanners are set."""
        moved = np.roll(frame, generator.integers(-12, 13, 2), (0, 1))
        mirrored = moved[:, ::-1] if generator.random() < 0.5 else moved
        levels = mirrored * 10 ** (generator.normal(0, 3.0) / 20)
        return np.ascontiguousarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))

    count = _TRAINING + _VALIDATION
    phantoms = [letterbox(render_phantom(0, 0, i).frame.pixels, preprocess) for i in range(count)]
    varied = np.stack([variant(frame) for frame in phantoms for _ in range(_VARIANTS)])
    training, validation = np.split(varied, [_TRAINING * _VARIANTS])
    flat = training.reshape(len(training), -1) / 255.0
    mean = flat.mean(axis=0)
    components = np.linalg.svd(flat - mean, full_matrices=False)[2][:_LATENT_DIM]
    codec = LinearCodec(mean, components, (preprocess.height, preprocess.width))
    hospitals = ["a"] * len(training)
    patients = [f"phantom {index // _VARIANTS}" for index in range(len(validation))]
    model = fit_combined(codec.encode(training), signals_of(training), hospitals, codec.figures(validation), patients)
    return Fitted(codec, training, validation, patients, model)
