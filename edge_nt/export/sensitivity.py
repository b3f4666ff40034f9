"""Which layers cost INT8 its gates: the fewest are taken out of it until every gate passes on source validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_nt.export.search_result import LayerTrial, Trial

Judge = Callable[[tuple[str, ...], str], Trial]


@dataclass(frozen=True)
class Sensitivity:
    """What the search tried, in the order of SensitivityReport, and the candidate that it ended with."""

    everything_quantised: Trial
    layers: tuple[LayerTrial, ...]
    added: tuple[Trial, ...]
    given_back: tuple[Trial, ...]
    found: Trial


def search_float_layers(layers: Sequence[str], judge: Judge) -> Sensitivity:
    """Rank `layers` by what leaving each alone in float gives back, add them until the gates pass, then try without.

    `judge` is given the layers in float and what to call the candidate. The ranking holds for single layers; together
    they may give back less, so that a layer once added is tried quantised again, the least sensitive first.
    """
    start = judge((), "everything quantised")
    if start.passed:
        return Sensitivity(start, (), (), (), start)
    ranked = _ranked(layers, start, judge)
    added = _added(ranked, judge)
    best = added[-1] if added[-1].passed else min((start, *added), key=lambda trial: trial.order)
    given_back = _given_back(best, ranked, judge) if best.passed else ()
    found = next((trial for trial in reversed(given_back) if trial.passed), best)
    return Sensitivity(start, ranked, added, given_back, found)


def _ranked(layers: Sequence[str], start: Trial, judge: Judge) -> tuple[LayerTrial, ...]:
    found = []
    for layer in layers:
        trial = judge((layer,), f"{layer} in float")
        given_back = None
        if start.limit_used is not None and trial.limit_used is not None:
            given_back = start.limit_used - trial.limit_used
        found.append(LayerTrial(layer, trial, given_back))
    return tuple(sorted(found, key=lambda each: each.trial.order))


def _added(ranked: tuple[LayerTrial, ...], judge: Judge) -> tuple[Trial, ...]:
    """The candidates with the first, the first two, … of the ranked layers in float, up to one that passes.

    The last layer stays: with every layer in float nothing would be INT8.
    """
    trials = [ranked[0].trial]
    for count in range(2, len(ranked)):
        if trials[-1].passed:
            break
        names = tuple(each.layer for each in ranked[:count])
        trials.append(judge(names, f"{count} layers in float"))
    return tuple(trials)


def _given_back(best: Trial, ranked: tuple[LayerTrial, ...], judge: Judge) -> tuple[Trial, ...]:
    kept, trials = best.float_layers, []
    for each in reversed(ranked):
        if each.layer not in kept or len(kept) == 1:
            continue
        names = tuple(name for name in kept if name != each.layer)
        # With one layer left, its own trial is known already.
        known = next((other.trial for other in ranked if names == (other.layer,)), None)
        trials.append(known or judge(names, f"{each.layer} quantised again"))
        if trials[-1].passed:
            kept = names
    return tuple(trials)
