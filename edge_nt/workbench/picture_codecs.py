"""Standard still-picture codecs on gray frames, each asked for its best: AVIF, WebP and JPEG XL through imagecodecs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import MissingDependencyError

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class PictureCodec:
    """A codec of gray frames uint8 (H, W); `qualities` run from the coarsest to the finest setting.

    `encode` takes frame, quality and whether to spend the codec's greatest effort. `payload` counts the bytes of a file
    that carry the picture, without the container around it.
    """

    name: str
    version: str
    qualities: tuple[float, ...]
    encode: Callable[[Pixels, float, bool], bytes]
    decode: Callable[[bytes], Pixels]
    payload: Callable[[bytes], int]


def picture_codecs() -> tuple[PictureCodec, ...]:
    """AVIF (AV1 in 4:0:0), WebP (VP8) and JPEG XL. Raises: MissingDependencyError without imagecodecs."""
    try:
        import imagecodecs as codecs
    except ImportError as error:
        raise MissingDependencyError(
            expected="the package imagecodecs for AVIF, WebP and JPEG XL",
            got=str(error),
            fix="pip install 'edge-nt[peers]'",
        ) from error

    def avif(pixels: Pixels, quality: float, careful: bool) -> bytes:
        # imagecodecs codes one-channel input without loss whatever the level; three equal channels written as 4:0:0
        # are lossy, and the stream has luma alone.
        return bytes(codecs.avif_encode(_rgb(pixels), round(quality), speed=0 if careful else 6, pixelformat="400"))

    def webp(pixels: Pixels, quality: float, _careful: bool) -> bytes:
        return bytes(codecs.webp_encode(_rgb(pixels), quality, lossless=False, method=6))

    def jpegxl(pixels: Pixels, quality: float, careful: bool) -> bytes:
        effort = 9 if careful else 5
        return bytes(codecs.jpegxl_encode(pixels, distance=-quality, effort=effort, usecontainer=False))

    percent = tuple(float(level) for level in range(100))
    # Butteraugli distances from the largest that the format allows down to invisible, negated: larger is finer.
    distances = tuple(-float(distance) for distance in np.geomspace(25, 0.1, 100))
    return (
        PictureCodec("AVIF", codecs.avif_version(), percent, avif, _gray(codecs.avif_decode), avif_payload),
        PictureCodec("WebP", codecs.webp_version(), percent, webp, _gray(codecs.webp_decode), webp_payload),
        PictureCodec("JPEG XL", codecs.jpegxl_version(), distances, jpegxl, _gray(codecs.jpegxl_decode), len),
    )


def avif_payload(file: bytes) -> int:
    """Bytes inside the `mdat` boxes of an AVIF file: the AV1 stream, sequence header included."""
    total, at = 0, 0
    while at + 8 <= len(file):
        size = int.from_bytes(file[at : at + 4], "big")
        if size < 8:
            raise ValueError(f"a box of {size} bytes at {at} of an AVIF file")
        total += (size - 8) * (file[at + 4 : at + 8] == b"mdat")
        at += size
    return total


def webp_payload(file: bytes) -> int:
    """Bytes inside the `VP8 ` chunks of a WebP file."""
    total, at = 0, 12  # after RIFF, size, WEBP
    while at + 8 <= len(file):
        size = int.from_bytes(file[at + 4 : at + 8], "little")
        total += size * (file[at : at + 4] == b"VP8 ")
        at += 8 + size + size % 2
    return total


def _rgb(pixels: Pixels) -> Pixels:
    return np.repeat(pixels[..., None], 3, axis=2)


def _gray(decode: Callable[[bytes], Pixels]) -> Callable[[bytes], Pixels]:
    def gray(file: bytes) -> Pixels:
        pixels = decode(file)
        # Gray in, gray out: green is the channel that colour transforms round least.
        return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., 1])

    return gray
