"""A measurement of a few rounds on the bundle's own golden frames."""

from pathlib import Path

from edge_nt.bench.bench_report import BenchReport
from edge_nt.bench.frames import golden_frames
from edge_nt.bench.measure import BenchPlan, measure
from edge_nt.bench.variant import Variant

QUICK = BenchPlan(rounds=9, warmup=1, settle_ms=0)


def measured(variants: list[Variant], bundle: Path, plan: BenchPlan = QUICK) -> BenchReport:
    return measure(variants, golden_frames(bundle), plan, lambda *_: None)
