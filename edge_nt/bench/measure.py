"""One measurement of all variants: what is asked for, in an order in which nothing disturbs the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from edge_nt.bench.bench_report import BenchReport, VariantResult
from edge_nt.bench.conditions import Conditions, Mark, busy_warnings, joined, mark, others_cores
from edge_nt.bench.device_conditions import DeviceMark, device_conditions, mark_device, throttling_warnings
from edge_nt.bench.fidelity import FidelityData, FidelitySection, measure_fidelity
from edge_nt.bench.frames import BenchFrames
from edge_nt.bench.interleaved import Failures, Rounds, Started, interleave, start_variants
from edge_nt.bench.latency_stats import PARTS, latency_stats, stage_ms, stage_stats
from edge_nt.bench.memory import measure_memory
from edge_nt.bench.paced import PacedResult, check_rate, measure_paced
from edge_nt.bench.ratios import ratios_to
from edge_nt.bench.saturated import SaturatedResult, measure_saturated
from edge_nt.bench.thread_sweep import sweep_threads
from edge_nt.bench.variant import Variant, VariantIdentity
from edge_nt.errors import InputError
from edge_nt.machine import Machine, describe_machine
from edge_nt.sensors.power import find_meter

# What is called as a section goes on: its name, steps done, steps in all.
OnStep = Callable[[str, int, int], None]


@dataclass(frozen=True)
class BenchPlan:
    """What to measure; the interleaved latency and its ratios always are. `baseline` None is the first
    peer, or without peers the first variant.

    `sweep` holds the variants for each number of threads. Raises: InputError for fewer than 1 round, warm-up round or
    thread, a pause below 0, or a rate that is none.
    """

    rounds: int = 80
    warmup: int = 10
    settle_ms: float = 75.0
    baseline: str | None = None
    saturated: bool = False
    paced_hz: tuple[float, ...] = ()
    memory: bool = False
    sweep: Mapping[int, tuple[Variant, ...]] = field(default_factory=dict)
    fidelity: FidelityData | None = None

    def __post_init__(self) -> None:
        for name, value, least in (
            ("--frames", self.rounds, 1),
            ("--warmup", self.warmup, 1),
            ("--settle-ms", self.settle_ms, 0),
            ("--sweep-threads", min(self.sweep, default=1), 1),
        ):
            if not least <= value < math.inf:
                raise InputError(
                    expected=f"{name} of at least {least}, and no infinity"
                    if value == math.inf
                    else f"{name} of at least {least}",
                    got=f"{value:g}",
                    fix="leave it out for the default",
                )
        for rate_hz in self.paced_hz:
            check_rate(rate_hz)


def measure(variants: Sequence[Variant], frames: BenchFrames, plan: BenchPlan, on_step: OnStep) -> BenchReport:
    """Run the plan. A variant that fails at any point is recorded with its reason and left out of what follows.

    Raises: InputError for no variants, two of one name, or a baseline that is none of them.
    """
    baseline = _baseline([variant.identity for variant in variants], plan)
    plan = replace(plan, baseline=baseline)
    machine, failures = describe_machine(variants[0].identity.threads), Failures()
    device, start = mark_device(), mark()
    started = start_variants(variants, frames[0], plan.settle_ms, failures)
    rounds = interleave(
        started,
        frames,
        rounds=plan.rounds,
        warmup=plan.warmup,
        settle_ms=plan.settle_ms,
        failures=failures,
        on_round=partial(on_step, "latency"),
    )
    saturated = _saturated(started, frames, plan, failures, on_step)
    paced = _paced(started, frames, plan, failures, on_step)
    threads = sweep_threads(plan.sweep, frames, rounds=plan.rounds, warmup=plan.warmup, settle_ms=plan.settle_ms)
    return BenchReport(
        fidelity=_fidelity(failures.without(started), plan, on_step),
        memory=measure_memory(variants, plan.rounds) if plan.memory else (),
        machine=machine,
        conditions=_conditions(frames, plan, rounds, (start, mark()), machine, device_start=device),
        variants=tuple(_variant_result(variant, started, rounds, failures) for variant in variants),
        baseline=baseline,
        ratios=ratios_to(baseline, rounds.times),
        file_decode=latency_stats(frames.decode_ms) if frames.decode_ms else None,
        saturated=saturated,
        paced=paced,
        threads=threads,
    )


def _baseline(identities: Sequence[VariantIdentity], plan: BenchPlan) -> str:
    names = [each.name for each in identities]
    if not names or len(set(names)) < len(names):
        raise InputError(
            expected="at least one variant, each with a name of its own",
            got=", ".join(names) or "none",
            fix="name each bundle and backend once",
        )
    first = next((each.name for each in identities if each.origin == "peer"), names[0])
    baseline = first if plan.baseline is None else plan.baseline
    if baseline not in names:
        raise InputError(
            expected=f"a baseline among {', '.join(names)}", got=baseline, fix="pass one of them as --baseline"
        )
    return baseline


def _saturated(
    started: Sequence[Started], frames: BenchFrames, plan: BenchPlan, failures: Failures, on_step: OnStep
) -> tuple[SaturatedResult, ...]:
    if not plan.saturated:
        return ()
    return measure_saturated(
        started,
        frames,
        count=plan.rounds,
        settle_ms=plan.settle_ms,
        baseline=plan.baseline,
        meter=find_meter(),
        failures=failures,
        on_block=partial(on_step, "saturated"),
    )


def _paced(
    started: Sequence[Started], frames: BenchFrames, plan: BenchPlan, failures: Failures, on_step: OnStep
) -> tuple[PacedResult, ...]:
    results: list[PacedResult] = []
    for done, rate_hz in enumerate(plan.paced_hz):
        on_step("paced", done, len(plan.paced_hz))
        results += measure_paced(
            started, frames, rate_hz, count=plan.rounds, settle_ms=plan.settle_ms, failures=failures
        )
    return tuple(results)


def _fidelity(started: Sequence[Started], plan: BenchPlan, on_step: OnStep) -> FidelitySection | None:
    if plan.fidelity is None:
        return None
    return measure_fidelity(started, plan.fidelity, partial(on_step, "fidelity"))


def _conditions(
    frames: BenchFrames,
    plan: BenchPlan,
    rounds: Rounds,
    span: tuple[Mark, Mark],
    machine: Machine,
    *,
    device_start: DeviceMark,
) -> Conditions:
    device = device_conditions(device_start, mark_device())
    return Conditions(
        frames=frames.origin,
        frame_sizes_px=frames.sizes(),
        rounds=plan.rounds,
        warmup=plan.warmup,
        settle_ms=float(plan.settle_ms),
        load_1_min_start=span[0].load_1_min,
        load_1_min_end=span[1].load_1_min,
        others_cores=others_cores(*span),
        control=latency_stats([value / 1e6 for value in rounds.control_ns]),
        control_rounds_ns=joined(rounds.control_ns),
        warnings=(*busy_warnings(*span, machine.usable_cores), *throttling_warnings(device)),
        device=device,
    )


def _variant_result(variant: Variant, started: Sequence[Started], rounds: Rounds, failures: Failures) -> VariantResult:
    cold = next((each.cold_start for each in started if each.variant is variant), None)
    times = rounds.times.get(variant.name, ())
    rounds_ns = {part: joined([round(stage_ms(each, part) * 1e6) for each in times]) for part in PARTS if times}
    stages = stage_stats(times) if times else {}
    return VariantResult(variant.identity, failures.reasons.get(variant.name), cold, stages, rounds_ns)
