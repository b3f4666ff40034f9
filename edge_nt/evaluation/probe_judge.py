"""One site probe from features to figures: fitted on training frames, judged on validation and unseen ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError
from edge_nt.evaluation.probe_figures import (
    Judged,
    accuracy,
    balanced_accuracy,
    balanced_accuracy_change,
    confidence,
    difference,
    entropy_nats,
    hits,
    information,
    information_change,
    max_softmax,
)
from edge_nt.evaluation.probe_fit import Features, Labels, fit_probe
from edge_nt.evaluation.probe_result import Overlays, ProbeChange, SiteProbe


@dataclass(frozen=True)
class ProbeFrames:
    """The frames of every probe: true sites of training (N,) and validation (M,) frames, and whose training's are."""

    train_labels: Labels
    val_labels: Labels
    patients: tuple[str, ...]
    sites: int

    def frequencies(self) -> NDArray[np.float64]:
        """The share of each site (sites,) among training frames."""
        return np.bincount(self.train_labels, minlength=self.sites) / len(self.train_labels)


@dataclass(frozen=True)
class JudgedProbe:
    """A probe's figures, and the probabilities that they were taken from."""

    figures: SiteProbe
    judged: Judged


def judge_probe(name: str, overlays: Overlays, features: Features, frames: ProbeFrames) -> JudgedProbe:
    """Fit and judge on `features` (N + M + K, D): training, then held-in validation, then unseen frames.

    Raises: InputError for features that are not finite, and as `fit_probe` does.
    """
    if not np.isfinite(features).all():
        raise InputError(
            expected=f"finite features of {name}",
            got="NaN or infinity",
            fix="look at the loss in log.jsonl, and train anew",
        )
    first, second = len(frames.train_labels), len(frames.train_labels) + len(frames.val_labels)
    fitted = fit_probe(features[:first], frames.train_labels, frames.patients, frames.sites)
    judged = Judged(
        frames.val_labels,
        fitted.probabilities(features[first:second]),
        fitted.probabilities(features[second:]),
    )
    confusion = np.zeros((frames.sites, frames.sites), np.int64)
    np.add.at(confusion, (judged.labels, judged.held_in.argmax(axis=1)), 1)
    figures = SiteProbe(
        features=name,
        overlays=overlays,
        regularisation=fitted.regularisation,
        accuracy=accuracy(judged),
        balanced_accuracy=balanced_accuracy(judged),
        information=information(judged, frames.frequencies()),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        held_in=confidence(judged.held_in),
        unseen=confidence(judged.unseen),
        unseen_as=tuple(np.bincount(judged.unseen.argmax(axis=1), minlength=frames.sites).tolist()),
    )
    return JudgedProbe(figures, judged)


def changes_between(probes: Sequence[JudgedProbe], frames: ProbeFrames) -> tuple[ProbeChange, ...]:
    """Every pair of `probes` that differ in the stage alone, or in the masking of overlays alone."""
    places = {(each.figures.features, each.figures.overlays): place for place, each in enumerate(probes)}
    pairs: tuple[tuple[str, tuple[str, Overlays], tuple[str, Overlays]], ...] = (
        ("stage 1 to 2", ("stage1", "visible"), ("stage2", "visible")),
        ("stage 1 to 2, masked", ("stage1", "masked"), ("stage2", "masked")),
        ("masking, stage 1", ("stage1", "visible"), ("stage1", "masked")),
        ("masking, stage 2", ("stage2", "visible"), ("stage2", "masked")),
    )
    return tuple(_change(what, probes, places[before], places[after], frames) for what, before, after in pairs)


def _change(what: str, probes: Sequence[JudgedProbe], before: int, after: int, frames: ProbeFrames) -> ProbeChange:
    first, second = probes[before].judged, probes[after].judged
    return ProbeChange(
        what=what,
        before=before,
        after=after,
        accuracy=difference(hits(first), hits(second)),
        balanced_accuracy=balanced_accuracy_change(first, second),
        information=information_change(first, second, frames.frequencies()),
        max_softmax=difference(max_softmax(first.unseen), max_softmax(second.unseen)),
        entropy=difference(entropy_nats(first.unseen), entropy_nats(second.unseen)),
    )
