"""What a live probe shows, made of still scans: a scan held by hand, and what takes its place when contact is lost.

Frames are network inputs uint8 (H, W) at `FRAMES_PER_S`. A held scan wanders, breathes in gain and has fresh noise in
every frame. An event puts something else in its place, at once or over `FADE_S`, holds it, and gives the scan back.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.evaluation.ood_corruptions import Corrupt, black, blur, inverted, off_skin

Frames = NDArray[np.uint8]

FRAMES_PER_S = 30.0
FADE_S = 0.3
# A hand and a chest: two pixels of the network input and one decibel, slowly; grain anew in each frame.
_WANDER_PX, _WANDER_S = 2.0, 0.5
_GAIN_DB, _GAIN_S = 1.0, 1.0
_GRAIN_LEVELS = 2.0
# Different frames of what takes a scan's place; shown again in turn.
_HELD_FRAMES = 4


@dataclass(frozen=True)
class Event:
    """What takes the place of a scan, and over how long the one becomes the other."""

    name: str
    corrupt: Corrupt
    level: float
    fade_s: float = 0.0


EVENTS = (
    Event("fades to black", black, 1.0, FADE_S),
    Event("black", black, 1.0),
    Event("off the skin", off_skin, 120.0),
    Event("fades to off the skin", off_skin, 120.0, FADE_S),
    Event("inverted", inverted, 1.0),
    Event("blurred, 4 px", blur, 4.0),
)


def live_frames(scan: Frames, count: int, generator: np.random.Generator) -> Frames:
    """`count` frames uint8 (count, H, W) of a scan (H, W) that is held by hand."""
    decibel = _GAIN_DB * _wander(count, _GAIN_S, generator)
    moves = _WANDER_PX * np.stack([_wander(count, _WANDER_S, generator) for _ in range(2)], axis=1)
    size = scan.shape[1], scan.shape[0]
    found = []
    for gain, (right, down) in zip(10 ** (decibel / 20), moves, strict=True):
        shift = np.array([[1, 0, right], [0, 1, down]])
        moved = cv2.warpAffine(scan, shift, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        grain = _GRAIN_LEVELS * generator.standard_normal(scan.shape)
        # Black stays black: a letterbox bar has no grain.
        found.append(np.where(moved > 0, np.clip(np.rint(moved * gain + grain), 0, 255), 0).astype(np.uint8))
    return np.stack(found)


def event_frames(live: Frames, event: Event, generator: np.random.Generator) -> tuple[Frames, Frames]:
    """Of frames (N, H, W) of a held scan: those of the fade, which may be none, and those then shown in turn."""
    held = np.stack([event.corrupt(frame, event.level, generator) for frame in live[:_HELD_FRAMES]])
    steps = round(event.fade_s * FRAMES_PER_S)
    shares = np.arange(1, steps + 1) / (steps + 1)
    faded = [np.rint((1 - share) * live[k % len(live)] + share * held[k % len(held)]) for k, share in enumerate(shares)]
    return np.array(faded, np.uint8).reshape(-1, *live.shape[1:]), held


def _wander(count: int, seconds: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """A random walk (count,) of deviation 1 that forgets itself over `seconds` (autoregressive of order 1)."""
    keep = float(np.exp(-1 / (seconds * FRAMES_PER_S)))
    place, steps = generator.standard_normal(), generator.standard_normal(count)
    found = np.empty(count)
    for index in range(count):
        place = keep * place + np.sqrt(1 - keep**2) * steps[index]
        found[index] = place
    return found
