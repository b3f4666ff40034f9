"""The pictures of the status page: encoded only when somebody asks, a few times a second at most."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.runtime.reconstruction import Reconstruction
from edge_nt.service.recent import NumberedFrame
from edge_nt.service.region_figures import RegionFigures, frame_slices, region_figures
from edge_nt.sinks.pictures import encode_png

PictureKind = Literal["scan", "reconstruction", "error"]

# Errors from here up have the brightest colour; of 255 grey levels.
ERROR_SCALE_LEVELS = 64
# The page changes its pictures at most this often, and a frame that it was told of can be fetched a little longer.
_HELD_S = 0.25
_KEPT_FRAMES = 4
_LARGEST_SIDE_PX = 640
# Dark where nothing was lost, brighter with every step, and readable without colour.
_COLOURS = cv2.COLORMAP_INFERNO


class PagePictures:
    """Scan, reconstruction and error of the same frame as PNG; any number of threads may ask."""

    def __init__(self, newest: Callable[[], NumberedFrame | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._newest = newest
        self._clock = clock
        # One picture is encoded at a time, so that lookers take no more than one core from the frames.
        self._lock = Lock()
        self._shown: OrderedDict[int, NumberedFrame] = OrderedDict()
        self._shown_at_s = -_HELD_S
        self._encoded: dict[tuple[int, PictureKind], bytes] = {}
        self._display: dict[int, RegionFigures] = {}

    def shown(self) -> NumberedFrame | None:
        """The frame to show now; the same one for a quarter of a second."""
        with self._lock:
            return self._choose()

    def png(self, kind: PictureKind, number: int | None = None) -> tuple[int, bytes] | None:
        """A picture with its frame's number: of frame `number`, else of the one to show now; None for one gone by."""
        with self._lock:
            frame = self._choose() if number is None else self._shown.get(number)
            if frame is None:
                return None
            key = frame.number, kind
            if key not in self._encoded:
                self._encoded[key] = _encode(kind, frame)
            return frame.number, self._encoded[key]

    def display_figures(self, frame: NumberedFrame) -> RegionFigures:
        """What the reconstruction loses where no rectangle is drawn; kept until another frame's are asked for."""
        with self._lock:
            if frame.number not in self._display:
                self._display = {frame.number: region_figures(frame.finished.result, None)}
            return self._display[frame.number]

    def _choose(self) -> NumberedFrame | None:
        newest = self._newest()
        if newest is not None and self._clock() - self._shown_at_s >= _HELD_S and newest.number not in self._shown:
            self._shown_at_s = self._clock()
            self._shown[newest.number] = newest
            while len(self._shown) > _KEPT_FRAMES:
                self._shown.popitem(last=False)
            self._encoded = {key: png for key, png in self._encoded.items() if key[0] in self._shown}
        return next(reversed(self._shown.values()), None)


def error_map(result: Reconstruction) -> NDArray[np.uint8]:
    """|scan − reconstruction| at network size without letterbox bars, coloured, uint8 (H, W, 3) in OpenCV's BGR.

    Colours run from 0 to `ERROR_SCALE_LEVELS` grey levels of 255.
    """
    errors = np.abs(result.network_input.astype(np.float32) - result.network_output * 255)
    inside = errors[frame_slices(result)]
    levels = np.clip(np.rint(inside * (255 / ERROR_SCALE_LEVELS)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(levels, _COLOURS), np.uint8)


def error_scale_png() -> bytes:
    """The colours of the error map from none to the largest, as a picture of 256 pixels in a row."""
    row = np.arange(256, dtype=np.uint8)[None]
    return encode_png(np.asarray(cv2.applyColorMap(row, _COLOURS), np.uint8), "the scale of errors")


def _encode(kind: PictureKind, frame: NumberedFrame) -> bytes:
    finished = frame.finished
    if kind == "error":
        return encode_png(error_map(finished.result), finished.offer.name)
    # Of the reconstruction the same pixels as the sinks write, if one of them asked for them before.
    pixels = finished.frame.pixels if kind == "scan" else finished.picture
    return encode_png(_for_screen(pixels), finished.offer.name)


def _for_screen(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape
    scale = _LARGEST_SIDE_PX / max(height, width)
    if scale >= 1:
        return pixels
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
