"""The frames that latency is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np

from edge_nt.bundle.read import read_bundle
from edge_nt.digests import sha256_pixels
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.frame import Frame
from edge_nt.sources.image_files import image_files

# A cart's frame has about this height; network-sized frames would make preprocessing look free.
_CART_HEIGHT_PX = 768
# Decoded frames are held in memory, so that a file is never read inside the timed part.
_MOST_FILES = 64
_FILES = " image files"


@dataclass(frozen=True)
class BenchFrames:
    """At least one decoded frame, where they came from, and how long each took to decode from its file."""

    frames: tuple[Frame, ...]
    origin: str
    decode_ms: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Frame:
        return self.frames[index]

    def sizes(self) -> tuple[str, ...]:
        """The distinct frame sizes, as ``HxW`` in px."""
        return tuple(sorted({f"{frame.pixels.shape[0]}x{frame.pixels.shape[1]}" for frame in self.frames}))


def golden_frames(bundle_folder: Path) -> BenchFrames:
    """The golden frames of a bundle, enlarged to the size of a cart's frame. Raises: InputError for a bad bundle."""
    golden = read_bundle(bundle_folder).golden.frames
    width_px = round(_CART_HEIGHT_PX * golden.shape[2] / golden.shape[1])
    enlarged = [cv2.resize(pixels, (width_px, _CART_HEIGHT_PX), interpolation=cv2.INTER_LINEAR) for pixels in golden]
    frames = tuple(Frame(np.asarray(pixels, np.uint8), f"golden frame {i}") for i, pixels in enumerate(enlarged))
    return BenchFrames(frames, f"{len(frames)} golden frames of the first bundle, enlarged")


def file_frames(inputs: Sequence[Path]) -> BenchFrames:
    """The first images of files and folders, decoded and timed. Raises: InputError when one cannot be decoded."""
    frames, times_ms = [], []
    for path in image_files(inputs)[:_MOST_FILES]:
        start = perf_counter()
        frames.append(decode_image(path))
        times_ms.append((perf_counter() - start) * 1e3)
    # With what they show, since two reports compare only on the same frames.
    digest = sha256("".join(sha256_pixels(frame.pixels) for frame in frames).encode()).hexdigest()
    return BenchFrames(tuple(frames), f"{len(frames)}{_FILES}, {digest[:12]}", tuple(times_ms))


def same_frames(first: str, second: str) -> bool:
    """Whether two origins are of the same frames; of files, as far as both say which (before 0.4.0 none did)."""
    if all(f"{_FILES}, " in each for each in (first, second)):
        return first == second
    return first.partition(_FILES)[0] == second.partition(_FILES)[0]
