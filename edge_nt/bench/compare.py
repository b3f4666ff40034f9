"""Two bench reports, an old one and a new one: what moved, and by how much more than noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_nt.bench.bench_report import BenchReport, VariantResult
from edge_nt.bench.conditions import Conditions
from edge_nt.bench.frames import same_frames
from edge_nt.bench.latency_stats import PARTS, STAGES
from edge_nt.errors import InputError
from edge_nt.metrics.bootstrap import Interval, bootstrap_median_change

Times = NDArray[np.float64]

# When the fixed work takes this much longer or shorter, the machine itself has changed and milliseconds mean nothing.
CONTROL_TOLERANCE = 0.03
_SEED = 0
_BATCHES = 8
# Student's t for 97.5 % with 7 degrees of freedom, those of one report's batches.
_T_97_5 = 2.365


@dataclass(frozen=True)
class StageChange:
    """One stage of one variant: median before and after (ms, or ratio to the baseline) and the relative change."""

    variant: str
    stage: str
    before: float
    after: float
    change: Interval
    noise: float

    @property
    def moved(self) -> bool:
        """Whether the change is beyond noise: its interval excludes 0 and it is larger than `noise`."""
        return (self.change.low > 0 or self.change.high < 0) and abs(self.change.estimate) > self.noise


@dataclass(frozen=True)
class BenchComparison:
    """What moved between two reports; `basis` says in what, `why` for what reason, `notes` what else differs.

    `stopped` names the variants that ran in the old report and failed in the new one. In ratios the baseline itself
    is not judged.
    """

    basis: Literal["milliseconds", "ratios to the baseline"]
    why: str
    notes: tuple[str, ...]
    changes: tuple[StageChange, ...]
    stopped: tuple[str, ...]

    def regressions(self, percent: float) -> tuple[StageChange, ...]:
        """Changes of encode+decode and total that are beyond noise and more than `percent` slower."""
        sums = ("encode+decode", "total")
        return tuple(
            each for each in self.changes if each.stage in sums and each.moved and each.change.estimate * 100 > percent
        )


def compare_reports(old: BenchReport, new: BenchReport) -> BenchComparison:
    """Compare the variants that both reports have, in milliseconds where both machines were alike, else in ratios.

    A single variant has no ratio: on one machine it is compared in milliseconds, and `why` names the doubt.
    Raises: InputError when the frames or the pause differ, no variant ran in both, the baselines differ where ratios
    are needed, or rounds cannot be read.
    """
    now = new.conditions
    refuse_other_conditions(old.conditions, now.frames, now.frame_sizes_px, now.settle_ms)
    before, after = _running(old), _running(new)
    shared = [name for name in before if name in after]
    if not shared:
        raise InputError(
            expected="a variant that ran in both reports",
            got=f"{', '.join(before) or 'none'} and {', '.join(after) or 'none'}",
            fix="measure the same bundles, by folder name, on the same backends",
        )
    times = {name: (_stage_times(before[name]), _stage_times(after[name])) for name in shared}
    notes, doubt = _notes(old, new, shared), _another_machine(old, new) or _doubt(old, new)
    if doubt and (_another_machine(old, new) or len(shared) > 1):
        changes = _in_ratios(times, _shared_baseline(old, new, shared))
        return BenchComparison("ratios to the baseline", doubt, notes, changes, _stopped(before, new))
    changes = tuple(
        _change(name, stage, pair[0][stage], pair[1][stage]) for name, pair in times.items() for stage in STAGES
    )
    why = f"nothing to take ratios of, but {doubt}" if doubt else "the same machine at the same speed"
    return BenchComparison("milliseconds", why, notes, changes, _stopped(before, new))


def _stopped(before: Mapping[str, VariantResult], new: BenchReport) -> tuple[str, ...]:
    ran = {name for name, each in before.items() if not each.failed}
    return tuple(each.identity.name for each in new.variants if each.failed and each.identity.name in ran)


def _in_ratios(times: dict[str, tuple[dict[str, Times], dict[str, Times]]], baseline: str) -> tuple[StageChange, ...]:
    base = times[baseline]
    return tuple(
        _change(name, stage, pair[0][stage] / base[0][stage], pair[1][stage] / base[1][stage])
        for name, pair in times.items()
        if name != baseline
        for stage in STAGES
    )


def _change(variant: str, stage: str, before: Times, after: Times) -> StageChange:
    change = bootstrap_median_change(before, after, seed=_SEED)
    noise = _T_97_5 * math.hypot(_standard_error(before), _standard_error(after))
    return StageChange(variant, stage, float(np.median(before)), float(np.median(after)), change, noise)


def _standard_error(times: Times) -> float:
    """The relative standard error of the median by batch means: from the medians of eight consecutive batches.

    A bootstrap takes rounds for independent. A machine that wanders over seconds makes neighbours alike, and then two
    runs differ by more than its interval allows; the batches of one run show by how much. Infinite below eight rounds.
    """
    if times.size < _BATCHES:
        return math.inf
    medians = [float(np.median(batch)) for batch in np.array_split(times, _BATCHES)]
    return float(np.std(medians, ddof=1)) / math.sqrt(_BATCHES) / float(np.median(times))


def _stage_times(result: VariantResult) -> dict[str, Times]:
    """Every one of STAGES in ms, a round each. Raises: InputError when the rounds are not what `measure` writes."""
    parts = {part: read_rounds_ms(result.rounds_ns.get(part, ""), f"{result.identity.name}, {part}") for part in PARTS}
    if len({times.size for times in parts.values()}) != 1:
        raise _bad_rounds(result.identity.name, "stages of different lengths")
    sums = {"encode+decode": parts["encode"] + parts["decode"], "total": np.sum(list(parts.values()), axis=0)}
    return {**parts, **sums}


def read_rounds_ms(rounds_ns: str, where: str) -> Times:
    """The rounds of one line of whole nanoseconds, in ms. Raises: InputError when it holds anything else."""
    words = rounds_ns.split(" ")
    if not all(word.isascii() and word.isdigit() and len(word) < 16 and int(word) for word in words):
        raise _bad_rounds(where, f"{rounds_ns[:40]!r}")
    return np.array([int(word) for word in words], np.float64) / 1e6


def _bad_rounds(where: str, got: str) -> InputError:
    return InputError(expected=f"whole nanoseconds as rounds of {where}", got=got, fix="measure again with --out")


def _running(report: BenchReport) -> dict[str, VariantResult]:
    return {each.identity.name: each for each in report.variants if each.rounds_ns}


def _shared_baseline(old: BenchReport, new: BenchReport, shared: list[str]) -> str:
    if old.baseline != new.baseline or old.baseline not in shared or len(shared) < 2:
        raise InputError(
            expected="one baseline and another variant that ran in both reports, since milliseconds do not compare",
            got=f"baselines {old.baseline} and {new.baseline}, shared {', '.join(shared)}",
            fix="measure again with the same bundles and --baseline",
        )
    return old.baseline


def refuse_other_conditions(old: Conditions, frames: str, frame_sizes_px: tuple[str, ...], settle_ms: float) -> None:
    """Raises: InputError where other frames, or another pause, make two measurements none to compare."""
    for name, first, second, same in (
        ("frames", old.frames, frames, same_frames(old.frames, frames)),
        ("frame_sizes_px", old.frame_sizes_px, frame_sizes_px, old.frame_sizes_px == frame_sizes_px),
        ("settle_ms", old.settle_ms, settle_ms, old.settle_ms == settle_ms),
    ):
        if not same:
            raise InputError(
                expected=f"two reports with the same {name}",
                got=f"{str(first)[:80]} and {str(second)[:80]}",
                fix="measure again with the same --input and --settle-ms",
            )


def _another_machine(old: BenchReport, new: BenchReport) -> str:
    """What tells the two machines apart; empty when nothing does."""
    for name in ("cpu", "architecture", "cores", "usable_cores"):
        first, second = getattr(old.machine, name), getattr(new.machine, name)
        if first != second:
            return f"another machine ({name} {first} and {second})"
    return ""


def _doubt(old: BenchReport, new: BenchReport) -> str:
    """Why times of one machine may differ for its own reasons; empty when there is none."""
    for which, report in (("old", old), ("new", new)):
        if report.conditions.warnings:
            return f"the {which} report carries a warning"
    first, second = (each.conditions.device and each.conditions.device.power_mode for each in (old, new))
    if first and second and first != second:
        return f"other power modes ({first} and {second})"
    before, after = (read_rounds_ms(each.conditions.control_rounds_ns, "the control") for each in (old, new))
    drift = float(np.median(after) / np.median(before) - 1)
    return f"a fixed piece of work took {drift:+.1%}" if abs(drift) > CONTROL_TOLERANCE else ""


def _notes(old: BenchReport, new: BenchReport, shared: list[str]) -> tuple[str, ...]:
    notes = [
        f"{which}: {warning}"
        for which, report in (("old", old), ("new", new))
        for warning in report.conditions.warnings
    ]
    before, after = _running(old), _running(new)
    for which, names in (("old", before), ("new", after)):
        alone = [name for name in names if name not in shared]
        notes += [f"only in the {which} report: {', '.join(alone)}"] if alone else []
    for name in ("os", "python", "onnxruntime", "openvino", "numpy", "opencv"):
        first, second = getattr(old.machine, name), getattr(new.machine, name)
        notes += [f"{name} {first} → {second}"] if first != second else []
    for name in shared:
        first, second = before[name].identity, after[name].identity
        differing = [each for each in type(first).__dataclass_fields__ if getattr(first, each) != getattr(second, each)]
        notes += [f"{name} has another {', '.join(differing)}"] if differing else []
    return tuple(notes)
