"""What the drift monitor does with streams of scans, each an examination: held-in ones, changed ones, unseen sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.evaluation.ood_operation_result import DriftFigures, ValidityFigure
from edge_nt.ood.combined import CombinedOodModel, FrameFigures, combined_scores
from edge_nt.ood.combined_fit import recalibrated
from edge_nt.ood.conformal import HeldInScores
from edge_nt.ood.drift import DriftMonitor

ORDERS = 200
_ALPHAS = (0.05, 0.1, 0.2, 0.5)

Scores = NDArray[np.float64]
Half = tuple[CombinedOodModel, NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Stream:
    """The scores of one order of examinations, the first `quiet` before the change, and what they are compared with."""

    reference: HeldInScores
    scores: Scores
    quiet: int


def halves(model: CombinedOodModel, validation: FrameFigures, patients: Sequence[str], seed: int) -> list[Half]:
    """`ORDERS` models calibrated on half of the held-in patients each, and which frames are of the other half.

    Raises: InputError when half of the patients are too few.
    """
    names = np.asarray(patients, np.str_)
    unique = np.unique(names)
    found = []
    for order in range(ORDERS):
        drawn = np.random.default_rng([seed, order]).permutation(unique)[: len(unique) // 2]
        mine = np.isin(names, drawn)
        try:
            calibrated = recalibrated(model, take(validation, mine), names[mine].tolist())
        except InputError as error:
            raise InputError(
                expected=f"half of the held-in patients to be enough: {error.expected}",
                got=f"{error.got} in half of {len(unique)}",
                fix=error.fix,
            ) from error
        found.append((calibrated, ~mine))
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
    patients: Sequence[str],
    *,
    seed: int,
) -> DriftFigures:
    """Half of the patients is the reference, a quarter comes as it is, the last quarter `changed`.

    `patients` names that of each frame; the frames of one come together.
    """
    _, patient_of = np.unique(np.asarray(patients, np.str_), return_inverse=True)
    streams = []
    for order, (model, others) in enumerate(models):
        firsts = [place for place in np.flatnonzero(others) if place == np.argmax(patient_of == patient_of[place])]
        drawn = patient_of[np.random.default_rng([seed, order, 1]).permutation(firsts)]
        as_is, after = (
            np.concatenate([np.flatnonzero(patient_of == patient) for patient in part])
            for part in (drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :])
        )
        scores = (combined_scores(model, take(validation, as_is)), combined_scores(model, take(changed, after)))
        streams.append(Stream(model.held_in, np.concatenate(scores), len(as_is)))
    return stream_figures(name, streams, seed)


def unseen_stream(name: str, model: CombinedOodModel, scores: Scores, seed: int) -> DriftFigures:
    """Scores of another site from the first examination on, after all held-in patients as the reference."""
    orders = [np.random.default_rng([seed, order, 2]).permutation(scores) for order in range(ORDERS)]
    return stream_figures(name, [Stream(model.held_in, order, 0) for order in orders], seed)


def take(figures: FrameFigures, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> FrameFigures:
    """The figures of chosen frames."""
    return FrameFigures(figures.latents[chosen], figures.errors[chosen], figures.signals[chosen])


def stream_figures(name: str, streams: Sequence[Stream], seed: int) -> DriftFigures:
    """What a drift monitor says of streams that are random orders of the same."""
    after, early = [], 0
    for order, stream in enumerate(streams):
        monitor = DriftMonitor(name, stream.reference, seed=seed + order)
        for number, score in enumerate(stream.scores):
            monitor.add_value(float(number), float(score))
        alarmed = monitor.state.alarmed_after_exams
        early += alarmed is not None and alarmed <= stream.quiet
        if alarmed is not None and alarmed > stream.quiet:
            after.append(alarmed - stream.quiet)
    enough = 2 * len(after) >= len(streams)
    # Those that never alarmed count as later than any that did.
    late = sorted(after)[(len(streams) - 1) // 2] if enough else None
    return DriftFigures(
        name,
        streams[0].reference.patient_count,
        round(float(np.median([stream.quiet for stream in streams]))),
        round(float(np.median([len(stream.scores) for stream in streams]))),
        len(streams),
        len(after),
        None if late is None else float(late),
        early,
    )
