"""One frame of a dataset through two bundles."""

from __future__ import annotations

from dataclasses import dataclass

from edge_nt.datasets.dataset import Dataset, Row
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.letterbox import affine_for, to_unit_range
from edge_nt.metrics.psnr import psnr
from edge_nt.metrics.roi_metrics import roi_metrics
from edge_nt.runtime.reconstruction import Reconstruction
from edge_nt.runtime.reconstructor import Reconstructor

# A threshold of 0 only comes from a model whose validation latents all sit on a mean; then any distance is out.
_SMALLEST_THRESHOLD = 1e-12


@dataclass(frozen=True)
class RoiPair:
    """Losses inside the ROI: of each bundle against the scan in [0, 1], and of one against the other in grey levels."""

    reference_mae: float
    candidate_mae: float
    reference_edge_mae: float
    candidate_edge_mae: float
    difference_grey_levels: float


@dataclass(frozen=True)
class FrameComparison:
    """One frame through two bundles. Scores are in units of each bundle's own threshold: above 1 is out."""

    file: str
    hospital: str
    reference_psnr_db: float
    candidate_psnr_db: float
    reference_score: float
    candidate_score: float
    roi: RoiPair | None

    @property
    def flipped(self) -> bool:
        """Whether the two bundles disagree on the verdict."""
        return (self.reference_score > 1) != (self.candidate_score > 1)


def compare_frame(
    dataset: Dataset, row: Row, structure: str, reference: Reconstructor, candidate: Reconstructor
) -> FrameComparison:
    """Run one row through both bundles and measure at network size. Raises: InputError when it cannot be decoded."""
    frame = decode_image(dataset.path(row))
    first, second = reference(frame), candidate(frame)
    scan = to_unit_range(first.network_input[None])[0, 0]
    return FrameComparison(
        file=row.file,
        hospital=row.hospital,
        reference_psnr_db=psnr(scan, first.network_output),
        candidate_psnr_db=psnr(scan, second.network_output),
        reference_score=_in_thresholds(first),
        candidate_score=_in_thresholds(second),
        roi=_roi_pair(dataset, row, structure, first, second),
    )


def _roi_pair(
    dataset: Dataset, row: Row, structure: str, first: Reconstruction, second: Reconstruction
) -> RoiPair | None:
    box = dataset.roi(row, structure)
    if box is None:
        return None
    roi = affine_for(first.source_height_px, first.source_width_px, first.preprocess).to_network(box)
    scan = to_unit_range(first.network_input[None])[0, 0]
    reference = roi_metrics(scan, first.network_output, roi)
    candidate = roi_metrics(scan, second.network_output, roi)
    between = roi_metrics(first.network_output, second.network_output, roi)
    return RoiPair(reference.mae, candidate.mae, reference.edge_mae, candidate.edge_mae, between.mae * 255)


def _in_thresholds(result: Reconstruction) -> float:
    return result.ood_score / max(result.ood_threshold, _SMALLEST_THRESHOLD)
