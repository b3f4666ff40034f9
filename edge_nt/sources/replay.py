"""A recording given like a camera gives it: frame after frame when each is due, whether or not anybody keeps up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from edge_nt.errors import EdgeNtError, InputError
from edge_nt.imaging.frame import Frame
from edge_nt.sources.source import Offer, Source
from edge_nt.sources.stop_flag import StopFlag


@dataclass(frozen=True)
class ReplaySettings:
    """How a recording is paced, and for how long.

    `fps` frames a second, or None for the recording's own frame times. `speed` 2 is twice as fast. `rounds` times from
    the start, or None for ever; `duration_s` ends it in any case. `memory_bytes`: decode every frame before the first
    one is due and keep the pixels, up to so many bytes, since a camera hands over pixels; None decodes in the pipeline.
    Raises: InputError for numbers that are not above 0.
    """

    fps: float | None = None
    speed: float = 1.0
    rounds: int | None = 1
    duration_s: float | None = None
    memory_bytes: int | None = None

    def __post_init__(self) -> None:
        given = {"fps": self.fps, "speed": self.speed, "rounds": self.rounds, "duration": self.duration_s}
        for name, value in {**given, "memory": self.memory_bytes}.items():
            if value is not None and not 0 < value < float("inf"):
                raise InputError(expected=f"{name} above 0", got=f"{value:g}", fix="correct it")


@dataclass(frozen=True)
class _Recorded:
    name: str
    begins_a_file: bool
    recorded_at_s: float
    decode: Callable[[], Frame]


class _RecordedClock:
    """The recording's own times: those inside a file, and one frame time from the end of a file to the next one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._previous: _Recorded | None = None
        self._now_s = 0.0
        self._step_s: float | None = None

    def next_s(self, frame: _Recorded) -> float:
        """Seconds from the first frame of all to `frame`. Raises: InputError where nothing tells."""
        if self._previous is not None:
            step_s = frame.recorded_at_s - self._previous.recorded_at_s
            # The frame at which a damaged video ends has no time of its own, and stands at the video's start.
            if not frame.begins_a_file and (step_s >= 0 or self._step_s is None):
                self._step_s = step_s
            if self._step_s is None or self._step_s <= 0:
                raise InputError(
                    expected="a recording whose frames state their times, as those of videos and DICOM cines do",
                    got=f"no time between {self._previous.name} and {frame.name}",
                    fix="give a rate, such as fps=30",
                )
            self._now_s += self._step_s
        self._previous = frame
        return self._now_s


class ReplaySource:
    """The frames of files at their times. The due time of each follows from the start alone, so nothing drifts.

    `taken_at_s` and `clock_s` of an offer are when its frame was due, as it would have been there: a thread that wakes
    up late makes a frame older, and shifts none. Frames of a replay have no place, since none of them is ever done.
    """

    live = True

    def __init__(self, recording: Source, settings: ReplaySettings, name: str = "replay") -> None:
        self.name = name
        self._recording = recording
        self._settings = settings
        self._stop = StopFlag()

    def stop(self) -> None:
        """Give no further frame."""
        self._stop.set()
        self._recording.stop()

    def offers(self) -> Iterator[Offer]:
        """One offer a frame, when it is due.

        Raises: InputError for a recording without frames, without frame times where no rate is given, or of more
        pixels than may be kept.
        """
        kept = None if self._settings.memory_bytes is None else self._decoded(self._settings.memory_bytes)
        start_s, started_at_s = time.perf_counter(), time.time()
        for after_s, frame in self._timed(kept):
            if self._settings.duration_s is not None and after_s >= self._settings.duration_s:
                return
            if self._stop.wait(start_s + after_s - time.perf_counter()):
                return
            yield Offer(self.name, frame.name, started_at_s + after_s, frame.decode, clock_s=start_s + after_s)

    def _timed(self, kept: list[_Recorded] | None) -> Iterator[tuple[float, _Recorded]]:
        """Every frame of every round, with the seconds from the start until it is due."""
        number, round_number, clock = 0, 0, _RecordedClock(self.name)
        while self._settings.rounds is None or round_number < self._settings.rounds:
            first = number
            for frame in self._recorded() if kept is None else kept:
                fps = self._settings.fps
                yield (clock.next_s(frame) if fps is None else number / fps) / self._settings.speed, frame
                number += 1
            if self._stop.is_set():
                return
            if number == first:
                raise InputError(expected="a recording with frames", got=f"none in {self.name}", fix="name another")
            round_number += 1

    def _recorded(self) -> Iterator[_Recorded]:
        for offer in self._recording.offers():
            yield _Recorded(offer.name, offer.place is None or offer.place.frame == 0, offer.taken_at_s, offer.decode)

    def _decoded(self, memory_bytes: int) -> list[_Recorded]:
        kept: list[_Recorded] = []
        used_bytes = 0
        for frame in self._recorded():
            try:
                decoded = frame.decode()
            except EdgeNtError:
                kept.append(frame)  # It goes on failing as it does.
                continue
            decoded.pixels.flags.writeable = False
            kept.append(replace(frame, decode=partial(_same, decoded)))
            used_bytes += decoded.pixels.nbytes
            if used_bytes > memory_bytes:
                raise InputError(
                    expected=f"a recording of at most {memory_bytes / 1e6:.0f} MB of pixels",
                    got=f"{used_bytes / 1e6:.0f} MB by frame {len(kept)}, {frame.name}",
                    fix="allow more memory, take a shorter recording, or let the pipeline decode it",
                )
        return kept


def _same(frame: Frame) -> Frame:
    return frame
