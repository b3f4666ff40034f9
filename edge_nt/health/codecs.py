"""Which pictures this installation can decode: each codec is tried, or asked whether it is there."""

from __future__ import annotations

import cv2
import numpy as np

from edge_nt.health.check import Check, fail, ok, warn
from edge_nt.health.scope import Scope

_INSTALL = "pip install 'edge-nt[cart]'"


def check_codecs(scope: Scope) -> tuple[Check, ...]:
    """The compressions that DICOM ultrasound comes in, then picture and video files."""
    del scope
    return *_pictures(), *_dicom(), _video()


def _pictures() -> tuple[Check, ...]:
    tried = {"JPEG": ".jpg", "JPEG 2000": ".jp2", "PNG": ".png"}
    reinstall = "pip install --force-reinstall opencv-python-headless"
    return tuple(
        ok(name, "decoded by OpenCV") if _decodes(suffix) else fail(name, "OpenCV cannot decode it", reinstall)
        for name, suffix in tried.items()
    )


def _decodes(suffix: str) -> bool:
    picture = np.full((64, 96), 77, np.uint8)
    try:
        done, encoded = cv2.imencode(suffix, picture)
        decoded = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE) if done else None
    except cv2.error:
        return False
    return decoded is not None and decoded.shape == picture.shape and int(np.abs(decoded - 77.0).max()) <= 2


def _dicom() -> tuple[Check, ...]:
    # pydicom takes longest of all checks to import.
    from pydicom import uid
    from pydicom.pixels.decoders.base import get_decoder

    named = {
        "DICOM RLE": (uid.RLELossless,),
        "DICOM JPEG lossless": (uid.JPEGLossless, uid.JPEGLosslessSV1),
        "DICOM JPEG 12 bit": (uid.JPEGExtended12Bit,),
        "DICOM JPEG-LS": tuple(uid.JPEGLSTransferSyntaxes),
        "DICOM JPEG 2000 above 8 bit": (uid.JPEG2000, uid.JPEG2000Lossless),
    }
    return tuple(_coded(name, [get_decoder(each) for each in syntaxes]) for name, syntaxes in named.items())


def _coded(name: str, decoders: list[object]) -> Check:
    if not all(getattr(each, "is_available", False) for each in decoders):
        return warn(name, "no decoder: such files are refused by name", _INSTALL)
    plugins = dict.fromkeys(plugin for each in decoders for plugin in getattr(each, "available_plugins", ()))
    return ok(name, f"decoded by {' or '.join(plugins)}")


def _video() -> Check:
    backends = [cv2.videoio_registry.getBackendName(each) for each in cv2.videoio_registry.getStreamBackends()]
    if "FFMPEG" not in backends:
        return warn(
            "video files", f"OpenCV has no FFMPEG, only {', '.join(backends)}", "pip install opencv-python-headless"
        )
    return ok("video files", f"OpenCV through {', '.join(backends)}")
