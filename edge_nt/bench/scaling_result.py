"""How the cost of a frame grows with its size and with the batch."""

from __future__ import annotations

from dataclasses import dataclass

from edge_nt.bench.latency_stats import LatencyStats


@dataclass(frozen=True)
class SizeCost:
    """Encode + decode of one frame of height x width px on one engine; `weights` grow with the linear layers."""

    engine: str
    height_px: int
    width_px: int
    multiply_adds: int
    weights: int
    encode_decode: LatencyStats


@dataclass(frozen=True)
class BatchCost:
    """Encode + decode of a whole batch on one engine, in one call; `ms_per_image` is its p50 over the batch."""

    engine: str
    batch: int
    encode_decode: LatencyStats
    ms_per_image: float


@dataclass(frozen=True)
class Exponent:
    """p50 ∝ pixels^exponent by least squares in log-log; `low` and `high` bound its 95 % t interval over the sizes."""

    engine: str
    exponent: float
    low: float
    high: float


@dataclass(frozen=True)
class Scaling:
    """Times of untrained models with weights drawn from `seed`: a layer's time does not depend on its weights."""

    seed: int
    rounds: int
    sizes: tuple[SizeCost, ...]
    exponents: tuple[Exponent, ...]
    batch_height_px: int
    batch_width_px: int
    batches: tuple[BatchCost, ...]
