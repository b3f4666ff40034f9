"""How near a variant comes to the least time that this machine's arithmetic allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_nt.bench.variant import VariantIdentity

FloorPrecision = Literal["int8", "bf16", "fp32"]
# After a pause and in turn with the others, or back to back and alone.
FloorMode = Literal["settled", "saturated"]


@dataclass(frozen=True)
class TimedVariant:
    """A variant with its encode + decode p50 in one mode."""

    identity: VariantIdentity
    mode: FloorMode
    encode_decode_ms: float


@dataclass(frozen=True)
class PeakKernel:
    """One kernel of one engine on one shape: its best sustained rate in 10⁹ multiply-adds a second, or why none."""

    engine: str
    kernel: str
    shape: str
    giga_multiply_adds_per_s: float | None
    failed: str | None


@dataclass(frozen=True)
class PrecisionFloor:
    """The fastest kernel at one precision, and the time that encoder and decoder would take at its rate throughout.

    `per_cycle` is how many multiply-adds the processor's instructions allow a core and cycle, `full_pipe_ghz` the clock
    at which the fastest kernel would issue one such instruction in every cycle; both None where that is not known.
    """

    precision: FloorPrecision
    fastest: PeakKernel
    tried: tuple[PeakKernel, ...]
    floor_ms: float
    per_cycle: int | None
    full_pipe_ghz: float | None


@dataclass(frozen=True)
class FloorRatio:
    """A variant's encode + decode p50 over the floor at its precision; 16-bit floats are held against bf16."""

    variant: str
    mode: FloorMode
    precision: FloorPrecision
    encode_decode_ms: float
    floor_ms: float
    ratio: float


@dataclass(frozen=True)
class ComputeFloor:
    """Peaks measured on this machine in this process, with `threads` threads, and what they allow.

    `multiply_adds` is one frame through encoder and decoder. `memory_gb_per_s` is the fastest pass over arrays larger
    than the caches, in 10⁹ bytes a second.
    """

    multiply_adds: int
    threads: int
    precisions: tuple[PrecisionFloor, ...]
    memory_gb_per_s: float
    ratios: tuple[FloorRatio, ...]
