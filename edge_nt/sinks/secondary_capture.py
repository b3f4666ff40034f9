"""Reconstructions as DICOM Secondary Capture; imported only when DICOM output is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any

from pydicom import dcmwrite
from pydicom.dataset import Dataset

from edge_nt.bundle.read import Bundle
from edge_nt.errors import InputError
from edge_nt.sinks.dicom_identity import Identity
from edge_nt.sinks.dicom_object import Maker, secondary_capture
from edge_nt.sinks.dicom_source import source_header
from edge_nt.sinks.frame_files import FrameFiles
from edge_nt.sinks.sink import FailedFrame, FinishedFrame, Write

DICOM_NAME = "dicom"


class SecondaryCapture:
    """Writes ``dicom/<number>.dcm``, a Secondary Capture Image a frame at the size of its source; lines name it under
    ``dicom``.

    A frame of a DICOM file stays in the study of its source, in a new series for each of the source's; any other gets
    a study of its own file, or of its live source and day, without a patient. `deidentify` follows the Basic Profile
    of PS3.15 Annex E; what it cannot strip is in `burned_in`, and docs/sinks.md says the rest. `verdict` is that of
    the bundle, as in the lines. `live` and `durable` are as for `Pictures`.

    Raises: InputError for a frame whose DICOM header cannot be passed on; it costs only that frame.
    """

    def __init__(
        self,
        folder: Path,
        bundle: Bundle,
        verdict: str | None,
        *,
        deidentify: bool = False,
        live: bool = False,
        durable: bool = True,
    ) -> None:
        self._files = FrameFiles(folder, DICOM_NAME, live=live, durable=durable)
        self._maker = Maker(bundle.manifest, bundle.sha256, verdict)
        self._identity = Identity()
        self._deidentify = deidentify
        self.burned_in: Counter[str] = Counter()

    def __enter__(self) -> SecondaryCapture:
        self._files.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def prepare(self, frame: FinishedFrame) -> Write:
        """Build the object, all but its number. Raises: InputError."""
        header = source_header(frame.offer.place, frame.offer.name)
        try:
            made = secondary_capture(frame, header, self._maker, self._identity, deidentify=self._deidentify)
            # Without its pixels, for the sake of what may be wrong with it.
            _encoded(made)
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError, UnicodeError) as error:
            # What pydicom raises for a value that its source should not have.
            raise InputError(
                expected="a DICOM header whose values can be passed on",
                got=f"{frame.offer.name}: {error}",
                fix="mend the source file, or leave out --dicom",
            ) from error

        pixels = frame.picture.tobytes()
        made.add_new("PixelData", "OB", pixels + b"\0" * (len(pixels) % 2))

        def write(number: int) -> Mapping[str, Any]:
            made.InstanceNumber = number + 1
            self.burned_in[made.get("BurnedInAnnotation", "unknown")] += 1
            return {"dicom": self._files.write(number, f"{number:05d}.dcm", _encoded(made))}

        return write

    def fail(self, failed: FailedFrame) -> None:
        """Nothing to store."""


def _encoded(made: Dataset) -> bytes:
    content = BytesIO()
    dcmwrite(content, made, enforce_file_format=True)
    return content.getvalue()
