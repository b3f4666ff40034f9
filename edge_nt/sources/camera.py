"""Cameras and frame grabbers of Linux (V4L2) through OpenCV. Run on captures of files; not yet run on a device."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from queue import Empty, Full, Queue
from threading import Thread
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.imaging.frame import Frame, PixelBox
from edge_nt.imaging.picture import to_gray
from edge_nt.sources.camera_device import CameraSettings, open_device
from edge_nt.sources.source import Offer
from edge_nt.sources.stop_flag import StopFlag

_log = logging.getLogger(__name__)
# A grabber without a signal gives no frame and no error.
_SILENCE_S = 5.0
_FIRST_PAUSE_S = 0.5
# Frames between the thread that reads and the one that offers; more would only grow old.
_WAITING = 2
_LOOK_EVERY_S = 0.1


class CameraSource:
    """Frames as they come, each with the time at which it arrived; colour becomes luma in the worker that takes it.

    `reconnects` counts how often a lost camera was opened again.
    """

    live = True

    def __init__(self, settings: CameraSettings, open_capture: Callable[[CameraSettings], Any] | None = None) -> None:
        self.name = f"camera {settings.path}"
        self.reconnects = 0
        self._settings = settings
        self._open = open_device if open_capture is None else open_capture
        self._stop = StopFlag()
        self._number = 0

    def stop(self) -> None:
        """Give no further frame. A driver that does not come back is left to its thread."""
        self._stop.set()

    def offers(self) -> Iterator[Offer]:
        """One offer a frame.

        Raises: MissingDependencyError when the camera is not there, may not be opened, or is lost; InputError when it
        gives another size, rate or format than asked for, or frames without the part to crop.
        """
        capture = self._open(self._settings)
        while True:
            yield from self._until_lost(capture)
            if self._stop.is_set():
                return
            lost = MissingDependencyError(
                expected=f"frames from {self._settings.path}",
                got=f"none for {_SILENCE_S:g} s, or a failed read, after {self._number} frames",
                fix="check cable and signal, or let it reconnect",
            )
            if self._settings.reconnect_s is None:
                raise lost
            _log.warning("%s; opening it again", lost)
            capture = self._open_again(self._settings.reconnect_s)
            if capture is None:
                return
            self.reconnects += 1
            _log.warning("%s is back (reconnect %d)", self.name, self.reconnects)

    def _open_again(self, longest_s: float) -> Any | None:
        pause_s = min(_FIRST_PAUSE_S, longest_s)
        while not self._stop.wait(pause_s):
            try:
                return self._open(self._settings)
            except MissingDependencyError as error:
                _log.debug("still lost: %s", error)
            pause_s = min(2 * pause_s, longest_s)
        return None

    def _until_lost(self, capture: Any) -> Iterator[Offer]:
        # Reading blocks for as long as the driver likes, so it has a thread, which alone touches the capture.
        frames: Queue[_Grabbed | None] = Queue(_WAITING)
        ended = StopFlag()
        reader = Thread(target=_read, args=(capture, frames, ended), name=self.name, daemon=True)
        reader.start()
        heard_s = time.monotonic()
        try:
            while not self._stop.is_set() and time.monotonic() - heard_s < _SILENCE_S:
                try:
                    grabbed = frames.get(timeout=_LOOK_EVERY_S)
                except Empty:
                    continue
                if grabbed is None:
                    return
                heard_s = time.monotonic()
                yield self._offer(grabbed)
        finally:
            ended.set()
            # The device is free again only when its reader has let go; a stop does not wait for that.
            while reader.is_alive() and not self._stop.is_set():
                reader.join(_LOOK_EVERY_S)

    def _offer(self, grabbed: _Grabbed) -> Offer:
        height, width = grabbed.image.shape[:2]
        box = self._settings.crop
        if box is not None and not box.inside(height, width):
            raise InputError(
                expected=f"a crop inside the {width}x{height} px of {self._settings.path}",
                got=f"rows {box.top} to {box.bottom}, columns {box.left} to {box.right}",
                fix="correct crop=left,top,width,height",
            )
        self._number += 1
        name = f"{self._settings.path}#{self._number}"
        decode = partial(_frame, grabbed.image, name, box, self._settings.mm_per_px)
        return Offer(self.name, name, grabbed.taken_at_s, decode, clock_s=grabbed.clock_s)


@dataclass(frozen=True)
class _Grabbed:
    image: NDArray[Any]
    taken_at_s: float
    clock_s: float


def _read(capture: Any, frames: Queue[_Grabbed | None], ended: StopFlag) -> None:
    try:
        while not ended.is_set():
            # The time is that of the arrival, before anything is decoded.
            if not capture.grab():
                break
            taken_at_s, clock_s = time.time(), time.perf_counter()
            found, image = capture.retrieve()
            if not found:
                break
            _put(frames, _Grabbed(image, taken_at_s, clock_s), ended)
    except cv2.error as error:
        _log.warning("reading failed: %s", error)
    finally:
        capture.release()
        _put(frames, None, ended)


def _put(frames: Queue[_Grabbed | None], item: _Grabbed | None, ended: StopFlag) -> None:
    while not ended.is_set():
        try:
            frames.put(item, timeout=_LOOK_EVERY_S)
        except Full:
            continue
        return


def _frame(image: NDArray[Any], name: str, box: PixelBox | None, mm_per_px: float | None) -> Frame:
    part = image if box is None else image[box.top : box.bottom, box.left : box.right]
    channels = part[..., 0] if part.ndim == 3 and part.shape[2] == 1 else part
    gray = to_gray(channels, white=int(np.iinfo(channels.dtype).max))
    return Frame(np.ascontiguousarray(gray), name, mm_per_px)
