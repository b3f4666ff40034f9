"""One frame of a dataset through two bundles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.caliper.caliper import CaliperReading, measure_thickness
from edge_nt.datasets.dataset import Dataset, Row
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import Affine, affine_for, to_unit_range
from edge_nt.imaging.roi import Roi, refuse_leaving
from edge_nt.metrics.psnr import psnr
from edge_nt.metrics.roi_metrics import roi_metrics
from edge_nt.runtime.reconstruction import Reconstruction
from edge_nt.runtime.reconstructor import Reconstructor

Picture = NDArray[np.float32]

# A threshold of 0 only comes from a model whose validation frames are all alike; then any deviation is out.
_SMALLEST_THRESHOLD = 1e-12
# In thresholds: far more than rounding moves a score, far less than two frames are apart.
_ON_THRESHOLD = 1e-4


@dataclass(frozen=True)
class RoiPair:
    """Losses inside the ROI: of each bundle against the scan in [0, 1], and of one against the other in grey levels."""

    reference_mae: float
    candidate_mae: float
    reference_edge_mae: float
    candidate_edge_mae: float
    difference_grey_levels: float


@dataclass(frozen=True)
class MarkedRegion:
    """The box of a frame in pixels of the network input, the spacing there, and what the caliper reads in it."""

    roi: Roi
    mm_per_px: tuple[float, float] | None
    scan: CaliperReading
    reconstruction: CaliperReading


@dataclass(frozen=True, eq=False)
class ReferenceFrame:
    """One frame through the reference: the scan and its reconstruction float32 (H, W) in [0, 1] at network size.

    `region` is None where the frame has no box. `score` is in units of the bundle's own threshold: above 1 is out.
    """

    row: Row
    scan: Picture
    reconstruction: Picture
    latent: NDArray[np.float32]
    score: float
    region: MarkedRegion | None


@dataclass(frozen=True)
class CaliperTriple:
    """What the caliper reads in the scan and in both reconstructions of it."""

    scan: CaliperReading
    reference: CaliperReading
    candidate: CaliperReading

    @property
    def drift_px(self) -> float | None:
        """Candidate − reference in pixels of the network input; None unless both are measurable."""
        return _difference(self.reference.thickness_px, self.candidate.thickness_px)

    @property
    def drift_mm(self) -> float | None:
        """The same in millimetres; None also where the frame's spacing is unknown."""
        return _difference(self.reference.thickness_mm, self.candidate.thickness_mm)


@dataclass(frozen=True)
class FrameComparison:
    """One frame through two bundles. Scores are in units of each bundle's own threshold: above 1 is out."""

    file: str
    hospital: str
    scanner: str
    reference_psnr_db: float
    candidate_psnr_db: float
    reference_score: float
    candidate_score: float
    latent_cosine: float
    roi: RoiPair | None
    calipers: CaliperTriple | None

    @property
    def on_threshold(self) -> bool:
        """Whether the score lies so near to the threshold that rounding alone decides."""
        return abs(self.reference_score - 1) < _ON_THRESHOLD

    @property
    def flipped(self) -> bool:
        """Whether the two bundles disagree on the verdict, on a frame that is not the threshold itself."""
        return not self.on_threshold and (self.reference_score > 1) != (self.candidate_score > 1)


def reference_frame(dataset: Dataset, row: Row, structure: str, reference: Reconstructor) -> ReferenceFrame:
    """Run one row through the reference. Raises: InputError when it cannot be decoded, or its region leaves it."""
    frame = decode_image(dataset.path(row))
    result = reference(frame)
    # Copies: a session may give its next answer in the same memory.
    scan, output = to_unit_range(result.network_input[None])[0, 0], result.network_output.copy()
    box = dataset.roi(row, structure)
    if box is not None:
        refuse_leaving(
            box, result.source_height_px, result.source_width_px, f"{row.file} in {dataset.root / 'boxes.csv'}"
        )
    affine = affine_for(result.source_height_px, result.source_width_px, result.preprocess)
    return ReferenceFrame(
        row=row,
        scan=scan,
        reconstruction=output,
        latent=result.latent.copy(),
        score=_in_thresholds(result),
        region=None if box is None else _region(box, row.mm_per_px or frame.mm_per_px, affine, (scan, output)),
    )


def _region(
    box: Roi, source_mm_per_px: float | None, affine: Affine, pictures: tuple[Picture, Picture]
) -> MarkedRegion:
    roi = affine.to_network(box)
    spacing = None if source_mm_per_px is None else affine.network_mm_per_px(source_mm_per_px)
    scan, reconstruction = (measure_thickness(picture, roi, spacing) for picture in pictures)
    return MarkedRegion(roi, spacing, scan, reconstruction)


def compare_frame(dataset: Dataset, reference: ReferenceFrame, candidate: Reconstructor) -> FrameComparison:
    """Run the same row through the candidate and measure at network size. Raises: InputError, as `reference_frame`."""
    result, row, region = candidate(decode_image(dataset.path(reference.row))), reference.row, reference.region
    return FrameComparison(
        file=row.file,
        hospital=row.hospital,
        scanner=row.scanner,
        reference_psnr_db=psnr(reference.scan, reference.reconstruction),
        candidate_psnr_db=psnr(reference.scan, result.network_output),
        reference_score=reference.score,
        candidate_score=_in_thresholds(result),
        latent_cosine=_cosine(reference.latent, result.latent),
        roi=None if region is None else _roi_pair(reference, region.roi, result.network_output),
        calipers=None if region is None else _calipers(region, result.network_output),
    )


def _roi_pair(frame: ReferenceFrame, roi: Roi, output: Picture) -> RoiPair:
    reference = roi_metrics(frame.scan, frame.reconstruction, roi)
    candidate = roi_metrics(frame.scan, output, roi)
    between = roi_metrics(frame.reconstruction, output, roi)
    return RoiPair(reference.mae, candidate.mae, reference.edge_mae, candidate.edge_mae, between.mae * 255)


def _calipers(region: MarkedRegion, output: Picture) -> CaliperTriple:
    reading = measure_thickness(output, region.roi, region.mm_per_px)
    return CaliperTriple(region.scan, region.reconstruction, reading)


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _in_thresholds(result: Reconstruction) -> float:
    return result.ood_score / max(result.ood_threshold, _SMALLEST_THRESHOLD)


def _cosine(first: Picture, second: Picture) -> float:
    one, other = first.astype(np.float64), second.astype(np.float64)
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    # Two latents of zeros point nowhere and are equal.
    return float(one @ other) / size if size > 0 else float(np.array_equal(one, other))
