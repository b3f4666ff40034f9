"""The shipping OOD score of one frame at a time, with what decided it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.ood.combined import CombinedOodModel, deviations_of, reconstruction_error, score_of
from edge_nt.ood.components import COMPONENT_NAMES
from edge_nt.ood.mahalanobis import OodScorer
from edge_nt.ood.signals import SIGNAL_NAMES, signal_statistics


@dataclass(frozen=True)
class OodComponent:
    """One component in held-in deviations ≥ 0, and whether its figure lies above (True) or below the held-in median."""

    name: str
    deviations: float
    above: bool


@dataclass(frozen=True)
class OodScore:
    """A frame's score, in distribution at or below `threshold`; both are held-in deviations.

    `components` are in the order of `COMPONENT_NAMES`, the score is their mean. `latent_distance` is the
    plain Mahalanobis distance, the seed's method, to be compared with `model.latent.threshold`. `signal` is the signal
    that lies furthest from training, and `signal_deviations` how far: negative when it is lower. `p_value` in (0, 1] is
    the score's conformal one among held-in patients (conformal.py).
    """

    score: float
    threshold: float
    components: tuple[OodComponent, ...]
    latent_distance: float
    signal: str
    signal_deviations: float
    p_value: float

    @property
    def in_distribution(self) -> bool:
        """Whether the score does not pass the threshold."""
        return self.score <= self.threshold

    @property
    def deciding(self) -> OodComponent:
        """The component that adds most to the score."""
        return max(self.components, key=lambda component: component.deviations)

    @property
    def reason(self) -> str:
        """The deciding component in words, such as ``signals: brightness low`` or ``latent distance low``."""
        deciding = self.deciding
        if deciding.name == COMPONENT_NAMES[2]:
            return f"{deciding.name}: {self.signal} {'high' if self.signal_deviations > 0 else 'low'}"
        return f"{deciding.name} {'high' if deciding.above else 'low'}"


class CombinedOodScorer:
    """Scores one frame at a time with everything that does not depend on it computed once."""

    def __init__(self, model: CombinedOodModel) -> None:
        self.model = model
        self._latent_distance = OodScorer(model.latent)
        self._signal_distance = OodScorer(model.signals)
        factor = np.linalg.inv(model.signals.whitening)
        self._signal_spread = np.sqrt(np.square(factor).sum(axis=1))

    def __call__(
        self, network_input: NDArray[np.uint8], latent: NDArray[np.float32], network_output: NDArray[np.float32]
    ) -> OodScore:
        """The score of a frame uint8 (H, W), its latent (D,) and reconstruction float32 (H, W) in [0, 1].

        All must be finite and of the model's sizes: that is not checked here.
        """
        signals = signal_statistics(network_input)
        distance = self._latent_distance(latent)
        error = reconstruction_error(network_input, network_output)
        latent_distances, errors, signal_distances = np.array([[distance], [error], [self._signal_distance(signals)]])
        deviations = deviations_of(self.model, latent_distances, errors, signal_distances, signals[None])[0]
        score = float(score_of(deviations))
        return OodScore(
            score,
            self.model.threshold,
            tuple(
                OodComponent(name, abs(float(each)), bool(each > 0))
                for name, each in zip(COMPONENT_NAMES, deviations, strict=True)
            ),
            distance,
            *self._furthest_signal(signals),
            self.model.held_in.p_value(score),
        )

    def _furthest_signal(self, signals: NDArray[np.float64]) -> tuple[str, float]:
        deviations = (signals - self.model.signals.means) / self._signal_spread
        nearest = deviations[np.abs(deviations).max(axis=1).argmin()]
        index = int(np.abs(nearest).argmax())
        return SIGNAL_NAMES[index], float(nearest[index])
