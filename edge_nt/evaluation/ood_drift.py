"""What the drift monitor does with streams of scans, each an examination: held-in ones, changed ones, unseen sites."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_nt.evaluation.ood_operation_result import DriftFigures, ValidityFigure
from edge_nt.ood.combined import CombinedOodModel, FrameFigures, combined_scores
from edge_nt.ood.combined_fit import recalibrated
from edge_nt.ood.conformal import HeldInScores
from edge_nt.ood.drift import DriftMonitor

ORDERS = 200
_ALPHAS = (0.05, 0.1, 0.2, 0.5)

Scores = NDArray[np.float64]
Half = tuple[CombinedOodModel, NDArray[np.bool_]]


def halves(model: CombinedOodModel, validation: FrameFigures, patients: Sequence[str], seed: int) -> list[Half]:
    """`ORDERS` models calibrated on half of the held-in patients each, and which frames are of the other half."""
    names = np.asarray(patients, np.str_)
    unique = np.unique(names)
    found = []
    for order in range(ORDERS):
        drawn = np.random.default_rng([seed, order]).permutation(unique)[: len(unique) // 2]
        mine = np.isin(names, drawn)
        found.append((recalibrated(model, take(validation, mine), names[mine].tolist()), ~mine))
    return found


def validity(models: Sequence[Half], validation: FrameFigures) -> tuple[ValidityFigure, ...]:
    """How often p-values of the other half are small."""
    p_values = np.concatenate(
        [
            [model.held_in.p_value(score) for score in combined_scores(model, take(validation, others))]
            for model, others in models
        ]
    )
    return tuple(ValidityFigure(alpha, float(np.mean(p_values <= alpha))) for alpha in _ALPHAS)


def change_after_half(
    name: str,
    models: Sequence[Half],
    validation: FrameFigures,
    changed: FrameFigures,
    *,
    seed: int,
) -> DriftFigures:
    """Half of the patients is the reference, a quarter comes as it is, the last quarter `changed`."""
    streams, quiet = [], 0
    for order, (model, others) in enumerate(models):
        places = np.random.default_rng([seed, order, 1]).permutation(np.flatnonzero(others))
        quiet = len(places) // 2
        as_is, after = places[:quiet], places[quiet:]
        scores = (combined_scores(model, take(validation, as_is)), combined_scores(model, take(changed, after)))
        streams.append((model.held_in, np.concatenate(scores)))
    return _figures(name, streams, quiet, seed)


def unseen_stream(name: str, model: CombinedOodModel, scores: Scores, seed: int) -> DriftFigures:
    """Scores of another site from the first examination on, after all held-in patients as the reference."""
    orders = [np.random.default_rng([seed, order, 2]).permutation(scores) for order in range(ORDERS)]
    return _figures(name, [(model.held_in, order) for order in orders], 0, seed)


def take(figures: FrameFigures, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> FrameFigures:
    """The figures of chosen frames."""
    return FrameFigures(figures.latents[chosen], figures.errors[chosen], figures.signals[chosen])


def _figures(name: str, streams: Sequence[tuple[HeldInScores, Scores]], quiet: int, seed: int) -> DriftFigures:
    alarmed = []
    for order, (reference, scores) in enumerate(streams):
        monitor = DriftMonitor(name, reference, seed=seed + order)
        for number, score in enumerate(scores):
            monitor.add_value(float(number), float(score))
        alarmed.append(monitor.state.alarmed_after_exams)
    after = [each - quiet for each in alarmed if each is not None]
    enough = 2 * len(after) >= len(streams)
    # Those that never alarmed count as later than any that did.
    late = sorted(after)[(len(streams) - 1) // 2] if enough else None
    reference, scores = streams[0]
    return DriftFigures(
        name,
        reference.patient_count,
        quiet,
        len(scores),
        len(streams),
        len(after),
        None if late is None else float(late),
    )
