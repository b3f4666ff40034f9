"""The guard that no candidate is judged on frames that its INT8 ranges were fitted on, or on their patients."""

from __future__ import annotations

from edge_nt.bundle.read import Bundle
from edge_nt.errors import LeakageError
from edge_nt.verify.reference_pass import ReferencePass


def refuse_fitted(candidate: Bundle, reference: ReferencePass) -> None:
    """Refuse calibration images, found by their pixels, among the judged frames, and judged frames of their patients.

    A dataset that was split anew may have them in validation, where ranges fit best. A patient's name counts in the
    whole hospital, whichever of its scanners the image came from. Raises: LeakageError.
    """
    calibration = candidate.manifest.calibration
    if calibration is None:
        return
    fitted_on = {image.sha256 for image in calibration.images}
    digests = reference.pixel_sha256
    known = {(row.hospital, row.patient) for row in reference.dataset.rows if digests.get(row.file) in fitted_on}
    rows = [frame.row for frame in reference.frames]
    fitted = [row.file for row in rows if (row.hospital, row.patient) in known]
    if fitted:
        raise LeakageError(
            expected=f"frames that the ranges of {candidate.folder} were not fitted on",
            got=f"{len(fitted)} of {len(rows)} frames of it or of its patients, such as {fitted[0]}",
            fix="verify on the dataset that the bundle's run was split from, or export again from a run on this one",
        )
