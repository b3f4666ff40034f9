"""What a probe of site provenance measured, as it stands in probe.json; read without torch or scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edge_nt.metrics.bootstrap import Interval

RESULTS_NAME = "probe.json"
OVERLAYS_ALONE = "overlays alone"

Overlays = Literal["visible", "masked", "alone"]


@dataclass(frozen=True)
class SiteCount:
    """A source site and how many of its frames fitted the probes (`train`) and judged them (`val`)."""

    site: str
    train: int
    val: int


@dataclass(frozen=True)
class Regularisation:
    """The inverse strength `c` of the L2 penalty, and the log loss (nats) of each candidate across training folds."""

    c: float
    candidates: tuple[float, ...]
    log_losses: tuple[float, ...]
    folds: int


@dataclass(frozen=True)
class Confidence:
    """How sure a probe is of a group of frames: means of the largest probability and of the entropy in nats."""

    max_softmax: Interval
    entropy: Interval


@dataclass(frozen=True)
class SiteProbe:
    """One probe: multinomial logistic regression from `features` to the source site of a frame.

    `features` is ``stage1`` or ``stage2`` (latents) or OVERLAYS_ALONE (pixels). `overlays` is ``visible``, ``masked``
    or, of the pixels outside the sector, ``alone``. `confusion` counts held-in validation frames, a row a true site,
    a column a predicted one; `unseen_as` counts the unseen frames by predicted site.
    `information` is the share of what there is to know about the site: 1 minus the log loss over that of the training
    frequencies; 0 where the probe knows no more than these, below 0 where it knows less.
    """

    features: str
    overlays: Overlays
    regularisation: Regularisation
    accuracy: Interval
    balanced_accuracy: Interval
    information: Interval
    confusion: tuple[tuple[int, ...], ...]
    held_in: Confidence
    unseen: Confidence
    unseen_as: tuple[int, ...]


@dataclass(frozen=True)
class ProbeChange:
    """What changes from probe `before` to probe `after` (places in `probes`) over the same frames, with intervals.

    `accuracy`, `balanced_accuracy`, `information`: of held-in validation; `max_softmax`, `entropy`: of the unseen site.
    """

    what: str
    before: int
    after: int
    accuracy: Interval
    balanced_accuracy: Interval
    information: Interval
    max_softmax: Interval
    entropy: Interval


@dataclass(frozen=True)
class SiteFacts:
    """The source sites, by hospital and scanner or by hospital, and what knowing nothing would score.

    `uniform_accuracy` is chance for balanced accuracy, `majority_accuracy` what always naming the most frequent
    training site scores on validation; `largest_entropy` is that of equal probabilities, in nats.
    """

    by: Literal["site", "hospital"]
    sites: tuple[SiteCount, ...]
    unseen: str
    unseen_frames: int
    uniform_accuracy: float
    majority_accuracy: float
    largest_entropy: float


@dataclass(frozen=True)
class OverlayFacts:
    """What masking took away: `brightness_outside` is the share of all brightness that lay outside the sectors.

    `frames_without_sector` had none to keep and are black once masked. `encoder_saw_overlays` in its training.
    """

    encoder_saw_overlays: bool
    frames_without_sector: int
    brightness_outside: float


@dataclass(frozen=True)
class Probe:
    """Every probe of a run, stage 1 beside stage 2.

    `dataset_tables` are the SHA-256 of the tables that were used, by name; empty in results from before they were
    recorded.
    """

    edge_nt_version: str
    measured_utc: str
    run: str
    checkpoint_sha256: dict[str, str]
    dataset: str
    synthetic: bool
    sites: SiteFacts
    overlays: OverlayFacts
    probes: tuple[SiteProbe, ...]
    changes: tuple[ProbeChange, ...]
    dataset_tables: dict[str, str] = field(default_factory=dict)
    kind: Literal["edge-nt probe"] = "edge-nt probe"
    schema_version: Literal[1] = 1
