"""Variants taking turns on every frame, each after a pause: the figures that ratios are quoted from."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter, sleep

from edge_nt.bench.conditions import control_ns
from edge_nt.bench.frames import BenchFrames
from edge_nt.bench.variant import Variant
from edge_nt.imaging.frame import Frame
from edge_nt.runtime.reconstruction import StageTimes
from edge_nt.runtime.reconstructor import Reconstructor


@dataclass(frozen=True)
class ColdStart:
    """Once in a process: reading and verifying the bundle and building its session, then the very first frame."""

    load_ms: float
    first_frame_ms: float


@dataclass(frozen=True)
class Started:
    """A variant that is loaded and has reconstructed its first frame."""

    variant: Variant
    reconstructor: Reconstructor
    cold_start: ColdStart

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.variant.name


@dataclass
class Failures:
    """Why variants have no figures, by name; what fails once is not run again."""

    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, error: Exception) -> None:
        """Record the first reason of a variant."""
        words = " ".join(str(error).split())
        self.reasons.setdefault(name, f"{type(error).__name__}: {words[:300]}")

    def without(self, started: Sequence[Started]) -> list[Started]:
        """Those that have not failed."""
        return [each for each in started if each.name not in self.reasons]


def start_variants(
    variants: Sequence[Variant], frame: Frame, settle_ms: float, failures: Failures
) -> tuple[Started, ...]:
    """Load each variant and run its first frame, in turn; one that raises anything is recorded and left out."""
    started = []
    for variant in variants:
        gc.collect()
        sleep(settle_ms / 1e3)
        try:
            began = perf_counter()
            reconstructor = variant.load()
            loaded = perf_counter()
            first_ms = reconstructor(frame).times.total_ms
        except Exception as error:  # Engines' own errors share no narrower base class.
            failures.add(variant.name, error)
        else:
            started.append(Started(variant, reconstructor, ColdStart((loaded - began) * 1e3, first_ms)))
    return tuple(started)


@dataclass(frozen=True)
class Rounds:
    """The timed rounds of each variant that ran them all, and the control's, one a round."""

    times: dict[str, tuple[StageTimes, ...]]
    control_ns: tuple[int, ...]


def interleave(
    started: Sequence[Started],
    frames: BenchFrames,
    *,
    rounds: int,
    warmup: int,
    settle_ms: float,
    failures: Failures,
    on_round: Callable[[int, int], None] | None = None,
) -> Rounds:
    """Time `rounds` frames through each variant after `warmup` more, another variant first each round.

    `settle_ms` passes before every call, so that the threads of the one before have stopped spinning. `on_round` is
    called with the rounds done and their total, before such a pause. A variant that raises is recorded and left out.
    """
    times: dict[str, list[StageTimes]] = {each.name: [] for each in started}
    control: list[int] = []
    for index in range(warmup + rounds):
        running = failures.without(started)
        turns = [running[(index + turn) % len(running)] for turn in range(len(running))]
        sleep(settle_ms / 1e3)
        control.append(control_ns())
        for turn, each in enumerate(turns):
            # The control is one thread that does not spin: the first variant needs no pause of its own.
            sleep(settle_ms / 1e3 if turn else 0)
            try:
                times[each.name].append(each.reconstructor(frames[index % len(frames)]).times)
            except Exception as error:  # As above: what an engine raises at run time is its own business.
                failures.add(each.name, error)
        if on_round is not None:
            on_round(index + 1, warmup + rounds)
    whole = {each.name: tuple(times[each.name][warmup:]) for each in failures.without(started)}
    return Rounds(whole, tuple(control[warmup:]))
