"""What searches for better INT8 tried, measured and chose: result files beside the bundle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_nt.bundle.manifest import Target
from edge_nt.errors import InputError
from edge_nt.machine import Machine
from edge_nt.verify.comparison import Comparison
from edge_nt.verify.gate_result import GateResult
from edge_nt.verify.gates import GateFileIdentity


@dataclass(frozen=True)
class Trial:
    """One candidate on source validation. `limit_used` is the worst end of its worst gate as a share of that gate's
    limit, 1 or less where the interval clears it, among the gates that could be measured; None where none could, or
    that gate has a limit of 0. A candidate that could not be made has no gates, and the reason as its `worst_gate`.
    """

    calibrator: str
    float_layers: tuple[str, ...]
    passed: bool
    limit_used: float | None
    worst_gate: str
    gates: tuple[GateResult, ...]

    @property
    def order(self) -> tuple[bool, float, bool]:
        """Sorts the best candidate first: one that passed, then by the limit used, and last what could not be made."""
        return not self.passed, math.inf if self.limit_used is None else self.limit_used, not self.gates


@dataclass(frozen=True)
class LayerTrial:
    """One layer: the gates with it alone in float and all others quantised, and what of the limit that gives back."""

    layer: str
    trial: Trial
    limit_given_back: float | None


@dataclass(frozen=True)
class SearchContext:
    """What a search judged and on what: source validation of one dataset, through one backend."""

    target: Target
    backend: str
    checkpoint_sha256: str
    dataset: str
    synthetic: bool
    frames: int
    gate_file: GateFileIdentity
    took_s: float
    machine: Machine


@dataclass(frozen=True)
class CalibratorReport:
    """Every calibrator's gates with the recipe's float layers; `chosen` has the least use of its worst gate's limit."""

    kind: Literal["edge-nt calibrators"]
    schema_version: Literal[1]
    chosen: str
    trials: tuple[Trial, ...]
    context: SearchContext


@dataclass(frozen=True)
class SensitivityReport:
    """The search for the fewest float layers with which every gate passes.

    `layers` are ranked, the most sensitive first; `added` are the candidates tried by taking them into float one after
    another, `given_back` those tried by quantising one of them again. `float_layers` is the result: of the best
    candidate where none passed.
    """

    kind: Literal["edge-nt sensitivity"]
    schema_version: Literal[1]
    passed: bool
    float_layers: tuple[str, ...]
    everything_quantised: Trial
    layers: tuple[LayerTrial, ...]
    added: tuple[Trial, ...]
    given_back: tuple[Trial, ...]
    context: SearchContext


def trial_of(calibrator: str, float_layers: tuple[str, ...], comparison: Comparison) -> Trial:
    """What a comparison on source validation says of a candidate."""
    # What no candidate can show, as where too few bands are resolved, must not make all candidates equal.
    measured = [gate for gate in comparison.gates if gate.bounds is not None] or comparison.gates
    worst = max(measured, key=lambda gate: gate.margin_used)
    used = worst.margin_used
    # Infinite where nothing could be measured or the limit is 0; JSON has no infinity.
    known = used if math.isfinite(used) else None
    return Trial(calibrator, float_layers, comparison.passed, known, worst.metric, comparison.gates)


def trial_without(calibrator: str, float_layers: tuple[str, ...], error: InputError) -> Trial:
    """What stands for a candidate that could not be made."""
    return Trial(calibrator, float_layers, passed=False, limit_used=None, worst_gate=error.got, gates=())


def result_file(bundle: Path, name: str) -> Path:
    """Where a search of that name about a bundle is written: beside its folder, whose content is fixed."""
    return bundle.with_name(f"{bundle.name}-{name}.json")
