"""What the service says of itself at one moment, for metrics, the page and whoever else asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edge_nt import __version__
from edge_nt.ood.drift import DriftState
from edge_nt.ood.watch import OodState
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sensors.state import DeviceState
from edge_nt.service.recent import Failure, LatencySummary, TracePoint
from edge_nt.service.region_figures import RegionFigures
from edge_nt.stream.live_run import StreamCounts

Phase = Literal["warming up", "running", "stopping"]


@dataclass(frozen=True)
class BundleFacts:
    """Which bundle runs, on what, and why it may; `verdict` is the state of its admission, `verdict_says` the reason.

    `sha256` is that of bundle.json, which holds the hash of everything else. No path: a folder may be named after
    somebody.
    """

    sha256: str
    edge_nt_version: str
    precision: str
    structure: str
    backend: str
    verdict: str
    verdict_says: str
    synthetic: bool
    jobs: int


@dataclass(frozen=True)
class SourceFacts:
    """Where frames come from, and whether they keep coming by themselves."""

    name: str
    live: bool


@dataclass(frozen=True)
class Snapshot:
    """The service at one moment. `not_ready` says why it is not ready, None when it is; times are Unix seconds.

    `ood` is None while no frames come: nothing is known then.
    """

    at_s: float
    started_at_s: float
    phase: Phase
    not_ready: str | None
    bundle: BundleFacts
    source: SourceFacts
    counts: StreamCounts
    out_of_distribution: int
    last_frame_at_s: float | None
    ood_threshold: float
    ood: OodState | None
    drift: DriftState
    device: DeviceState


@dataclass(frozen=True)
class ShownFrame:
    """The frame whose pictures the page shows now; its size is that of the source, in pixels."""

    number: int
    name: str
    taken_at_s: float
    written_at_s: float
    height_px: int
    width_px: int
    mm_per_px: float | None


@dataclass(frozen=True)
class PageState:
    """All that /state.json says; `region` is of the shown frame, `region_error` says why there is none."""

    kind: Literal["service-state"]
    schema_version: Literal[1]
    now: Snapshot
    shown: ShownFrame | None
    region: RegionFigures | None
    region_error: str | None
    latency: LatencySummary | None
    last_failure: Failure | None
    trace: Sequence[TracePoint]


def bundle_facts(crew: Sequence[Reconstructor]) -> BundleFacts:
    """The facts of the bundle that a crew runs."""
    first = crew[0]
    manifest, admission = first.bundle.manifest, first.admission
    return BundleFacts(
        sha256=first.bundle.sha256,
        edge_nt_version=__version__,
        precision=manifest.precision,
        structure=manifest.structure,
        backend=first.session.backend,
        verdict="not asked" if admission is None else admission.state,
        verdict_says="" if admission is None else admission.says,
        synthetic=manifest.synthetic,
        jobs=len(crew),
    )
