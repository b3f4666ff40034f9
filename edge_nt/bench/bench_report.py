"""What `edge-nt bench` measured, as it stands in its JSON file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_nt.bench.codec_result import Codecs
from edge_nt.bench.conditions import Conditions
from edge_nt.bench.estimate_result import PaperEstimate
from edge_nt.bench.fidelity import FidelitySection
from edge_nt.bench.floor_result import ComputeFloor
from edge_nt.bench.interleaved import ColdStart
from edge_nt.bench.latency_stats import LatencyStats
from edge_nt.bench.memory import MemoryResult
from edge_nt.bench.paced import PacedResult
from edge_nt.bench.ratios import Ratio
from edge_nt.bench.saturated import SaturatedResult
from edge_nt.bench.scaling_result import Scaling
from edge_nt.bench.thread_sweep import ThreadResult
from edge_nt.bench.variant import VariantIdentity
from edge_nt.machine import Machine


@dataclass(frozen=True)
class VariantResult:
    """One variant, settled and interleaved with the others; `failed` says why it has no
    figures, or none in a later section.

    `stages` has an entry for each of STAGES. `rounds_ns` holds every timed round of each of PARTS, in whole
    nanoseconds between spaces: one line of JSON instead of hundreds, and what `--compare` draws its intervals from.
    """

    identity: VariantIdentity
    failed: str | None
    cold_start: ColdStart | None
    stages: dict[str, LatencyStats]
    rounds_ns: dict[str, str]


@dataclass(frozen=True)
class BenchReport:
    """Everything measured by one command; a section that was not asked for is empty or None.

    `section_warnings` is what makes floor, scaling and codecs doubtful, which are measured after everything else.
    """

    machine: Machine
    conditions: Conditions
    variants: tuple[VariantResult, ...]
    baseline: str
    ratios: tuple[Ratio, ...]
    file_decode: LatencyStats | None = None
    saturated: tuple[SaturatedResult, ...] = ()
    paced: tuple[PacedResult, ...] = ()
    threads: tuple[ThreadResult, ...] = ()
    memory: tuple[MemoryResult, ...] = ()
    fidelity: FidelitySection | None = None
    floor: ComputeFloor | None = None
    scaling: Scaling | None = None
    estimate: PaperEstimate | None = None
    codecs: Codecs | None = None
    section_warnings: tuple[str, ...] = ()
    kind: Literal["edge-nt bench"] = "edge-nt bench"
    schema_version: Literal[3] = 3
