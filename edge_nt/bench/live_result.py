"""What `edge-nt bench-live` measured, as it stands in its JSON file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_nt.bench.device_conditions import DeviceConditions
from edge_nt.bench.latency_stats import LatencyStats
from edge_nt.bench.resident import ResidentTrend
from edge_nt.machine import Machine


@dataclass(frozen=True)
class LiveSetup:
    """What ran: the bundle, its crew, the bounds of the stream, the sinks, and the frames.

    `waiting` and `in_flight` are LiveRun's; `frames` says what was replayed.
    """

    bundle: str
    precision: str
    encoder_sha256: str
    backend: str
    jobs: int
    waiting: int
    in_flight: int
    sinks: tuple[str, ...]
    frames: str
    frame_sizes_px: tuple[str, ...]


@dataclass(frozen=True)
class LiveRate:
    """One stretch of `seconds`: live at `rate_hz`, or for None as fast as the pipeline takes frames.

    `offered` is `done` + `failed` + `dropped` + `left_behind`, the last being frames that did not come back when the
    stretch was stopped. `frames_per_s` are those done a second. `latency` is from the offer to the end of the last
    write, over frames that were done. `peak_mb` is the most that was resident, since the start of this stretch or,
    without `peak_reset`, of the process; `resident` its trend, from `resident_samples_mb`, one a second. `cores_used`
    is what this process kept busy on average, `others_cores` what all others did. `stop_s` is how long the end took
    once it was asked for, None where the source ended by itself.
    """

    rate_hz: float | None
    seconds: float
    offered: int
    done: int
    failed: int
    dropped: int
    left_behind: int
    write_errors: int
    frames_per_s: float
    latency: LatencyStats | None
    peak_mb: float | None
    peak_reset: bool
    resident: ResidentTrend | None
    resident_samples_mb: str
    cores_used: float
    others_cores: float | None
    stop_s: float | None
    not_measured: dict[str, str]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class LiveBench:
    """A soak: the frame rate and its multiples through the whole pipeline, then how fast that pipeline can go at all.

    `saturated` is the same crew and sinks with a source that waits: the best throughput that a live rate beyond it can
    hold; None in what was written of a soak before that. `jobs_alone_per_s` is how many frames a second the jobs
    reconstruct with nothing around them.
    """

    machine: Machine
    setup: LiveSetup
    device: DeviceConditions
    rates: tuple[LiveRate, ...]
    saturated: LiveRate | None
    jobs_alone_per_s: float
    kind: Literal["edge-nt bench-live"] = "edge-nt bench-live"
    schema_version: Literal[1] = 1
