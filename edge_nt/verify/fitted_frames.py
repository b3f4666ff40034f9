"""The guard that no candidate is judged on frames that it was trained or calibrated on, or on their patients."""

from __future__ import annotations

from edge_nt.bundle.manifest import PIXEL_DIGITS
from edge_nt.bundle.read import Bundle
from edge_nt.errors import LeakageError
from edge_nt.verify.reference_pass import ReferencePass


def refuse_fitted(candidate: Bundle, reference: ReferencePass) -> None:
    """Refuse images of training and calibration, found by their pixels, and others of their patients, among the judged.

    A dataset that was split anew may have them in validation, which they fit best. A patient's name counts in the
    whole hospital, whichever of its scanners the image came from. Raises: LeakageError.
    """
    calibration = candidate.manifest.calibration
    fitted_on = {image.sha256[:PIXEL_DIGITS] for image in calibration.images} if calibration else set()
    fitted_on |= {*candidate.manifest.trained_on, *reference.bundle.manifest.trained_on}
    if not fitted_on:
        return
    digests = {file: digest[:PIXEL_DIGITS] for file, digest in reference.pixel_sha256.items()}
    known = {(row.hospital, row.patient) for row in reference.dataset.rows if digests.get(row.file) in fitted_on}
    rows = [frame.row for frame in reference.frames]
    fitted = [row.file for row in rows if (row.hospital, row.patient) in known]
    if fitted:
        raise LeakageError(
            expected=f"frames that {candidate.folder} was neither trained nor calibrated on",
            got=f"{len(fitted)} of {len(rows)} frames of it or of its patients, such as {fitted[0]}",
            fix="verify on the dataset that the bundle's run was split from, or export again from a run on this one",
        )
