"""What float16 costs a latent: pictures decoded from it against those decoded from float32, measured on frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge_nt.bundle.manifest import Precision
from edge_nt.datasets.dataset import Dataset, Row
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import affine_for, to_unit_range
from edge_nt.metrics.roi_metrics import RoiMetrics, roi_metrics
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.sinks.half_latent import half_latent
from edge_nt.stream.decode import decoded_picture


@dataclass(frozen=True)
class CostGroup:
    """The rows of one hospital and split. Differences are between pictures at network size, in grey levels of 255:
    the mean over all pixels of all frames, and the largest of any pixel; `changed_pixels` is the share of pixels whose
    8-bit value changes. ROI figures are means over the frames with a region, in [0, 1]; None where there are none.
    """

    hospital: str
    split: str
    frames: int
    mean_difference_grey_levels: float
    max_difference_grey_levels: float
    changed_pixels: float
    roi_frames: int
    float32_roi_mae: float | None
    float16_roi_mae: float | None
    float32_roi_edge_mae: float | None
    float16_roi_edge_mae: float | None


@dataclass(frozen=True)
class LatentCost:
    """Every group of a dataset, by one bundle."""

    kind: Literal["edge-nt latent-cost"]
    schema_version: Literal[1]
    edge_nt_version: str
    dataset: str
    synthetic: bool
    structure: str
    precision: Precision
    bundle_sha256: str
    backend: str
    latent_dim: int
    groups: tuple[CostGroup, ...]


@dataclass(frozen=True)
class _FrameCost:
    mean: float
    largest: float
    changed: float
    roi: tuple[RoiMetrics, RoiMetrics] | None


def measure_cost(
    dataset: Dataset,
    reconstructor: Reconstructor,
    version: str,
    on_frame: Callable[[int, int], None] = lambda _done, _total: None,
) -> LatentCost:
    """Reconstruct every row from its latent in float32 and in float16. Raises: InputError, as its images do."""
    manifest = reconstructor.bundle.manifest
    costs: dict[tuple[str, str], list[_FrameCost]] = {}
    for done, row in enumerate(dataset.rows, start=1):
        costs.setdefault((row.hospital, row.split), []).append(_frame_cost(dataset, row, reconstructor))
        on_frame(done, len(dataset.rows))
    return LatentCost(
        kind="edge-nt latent-cost",
        schema_version=1,
        edge_nt_version=version,
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        structure=manifest.structure,
        precision=manifest.precision,
        bundle_sha256=reconstructor.bundle.sha256,
        backend=reconstructor.session.backend,
        latent_dim=manifest.latent_dim,
        groups=tuple(_group(*key, costs[key]) for key in sorted(costs)),
    )


def _frame_cost(dataset: Dataset, row: Row, reconstructor: Reconstructor) -> _FrameCost:
    result = reconstructor(decode_image(dataset.path(row)))
    # A copy: a session may give its next answer in the same memory.
    whole = result.network_output.copy()
    half = decoded_picture(reconstructor, half_latent(result.latent, row.file))
    difference = np.abs(half - whole) * 255
    changed = float((np.rint(half * 255) != np.rint(whole * 255)).mean())
    box = dataset.roi(row, reconstructor.bundle.manifest.structure)
    roi = None
    if box is not None:
        scan = to_unit_range(result.network_input[None])[0, 0]
        place = affine_for(result.source_height_px, result.source_width_px, result.preprocess).to_network(box)
        roi = roi_metrics(scan, whole, place), roi_metrics(scan, half, place)
    return _FrameCost(float(difference.mean()), float(difference.max()), changed, roi)


def _group(hospital: str, split: str, costs: list[_FrameCost]) -> CostGroup:
    pairs = [cost.roi for cost in costs if cost.roi is not None]
    return CostGroup(
        hospital,
        split,
        len(costs),
        mean_difference_grey_levels=float(np.mean([cost.mean for cost in costs])),
        max_difference_grey_levels=max(cost.largest for cost in costs),
        changed_pixels=float(np.mean([cost.changed for cost in costs])),
        roi_frames=len(pairs),
        float32_roi_mae=_mean(whole.mae for whole, _ in pairs),
        float16_roi_mae=_mean(half.mae for _, half in pairs),
        float32_roi_edge_mae=_mean(whole.edge_mae for whole, _ in pairs),
        float16_roi_edge_mae=_mean(half.edge_mae for _, half in pairs),
    )


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return float(np.mean(listed)) if listed else None
