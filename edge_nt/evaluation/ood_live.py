"""Scans played to the OOD watch as a probe would show them: events, and hours without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from edge_nt.evaluation.ood_operation_result import Delay, EventFigures, HeldStream
from edge_nt.evaluation.ood_sequences import EVENTS, FRAMES_PER_S, event_frames, live_frames
from edge_nt.imaging.letterbox import to_unit_range
from edge_nt.ood.combined import CombinedOodModel
from edge_nt.ood.combined_scorer import CombinedOodScorer, OodScore
from edge_nt.ood.watch import STATES, OodWatch
from edge_nt.runtime.session import Session

# Frames made of each scan: two seconds, played to and fro for longer.
LIVE_FRAMES = 60
FRAME_RATES = (30.0, 10.0, 5.0, 2.0)
_HOLD_S, _AFTER_S, _EACH_S = 3.0, 4.0, 10.0
_OUT = STATES[-1]


@dataclass(frozen=True, eq=False)
class PlayedScan:
    """Scores of one held-in scan, all by a calibration on the other patients: held by hand, and of each event its fade
    and what is then shown in turn, in the order of `EVENTS`.
    """

    model: CombinedOodModel
    live: Sequence[OodScore]
    events: Sequence[tuple[Sequence[OodScore], Sequence[OodScore]]]


def played_scan(
    scan: NDArray[np.uint8], model: CombinedOodModel, session: Session, generator: np.random.Generator
) -> PlayedScan:
    """Score what a probe would show of a scan uint8 (H, W), by a `model` that was not calibrated on its patient."""
    scorer = CombinedOodScorer(model)

    def scores(frames: NDArray[np.uint8]) -> list[OodScore]:
        found = []
        for frame in frames:
            latents = session.encode(to_unit_range(frame[None]))
            found.append(scorer(frame, latents[0], np.clip(session.decode(latents)[0, 0], 0.0, 1.0)))
        return found

    live = live_frames(scan, LIVE_FRAMES, generator)
    shown = [event_frames(live, event, generator) for event in EVENTS]
    return PlayedScan(model, scores(live), [(scores(fade), scores(held)) for fade, held in shown])


def event_figures(scans: Sequence[PlayedScan], index: int, frames_per_s: float) -> EventFigures:
    """What the watch says of event number `index` on every scan."""
    event = EVENTS[index]
    told = [_event_on(scan, index, frames_per_s) for scan in scans]
    whole = [each for each in told if each is not None]
    shown = [score for scan in scans for part in scan.events[index] for score in part]
    plain = [score.latent_distance > scans[0].model.latent.threshold for score in shown]
    return EventFigures(
        event.name,
        event.fade_s,
        frames_per_s,
        len(whole),
        _delay([out for out, _, _ in whole]),
        # There is nothing to recover from where an event was never noticed.
        _delay([back for out, back, _ in whole if out is not None]),
        max((changes for _, _, changes in whole), default=0),
        float(np.mean([not score.in_distribution for score in shown])),
        float(np.mean(plain)),
    )


def held_stream(scans: Sequence[PlayedScan], generator: np.random.Generator) -> tuple[HeldStream, float]:
    """What the watch says of scans one after another, and the median time of one update in microseconds."""
    states, verdicts, times_us, out_scans, began = [], [], [], 0, 0
    count = round(_EACH_S * FRAMES_PER_S)
    for place in generator.permutation(len(scans)):
        # Each scan has edges of its own, left out of its calibration: so each has a watch, and its states are joined.
        watch, said = OodWatch(scans[place].model), []
        for k, score in enumerate(_to_and_fro(scans[place].live, count)):
            start = perf_counter()
            said.append(watch.update(k / FRAMES_PER_S, score).state)
            times_us.append((perf_counter() - start) * 1e6)
            verdicts.append(score.in_distribution)
        out_scans += _OUT in said
        began += sum(now == _OUT and (k == 0 or said[k - 1] != _OUT) for k, now in enumerate(said))
        states += said
    hours = len(states) / FRAMES_PER_S / 3600
    figures = HeldStream(
        len(scans),
        _EACH_S,
        out_scans,
        began / hours,
        states.count(_OUT) / len(states),
        states.count(STATES[1]) / len(states),
        _changes(states) / hours,
        _changes(verdicts) / hours,
    )
    return figures, float(np.median(times_us))


def _event_on(scan: PlayedScan, index: int, frames_per_s: float) -> tuple[float | None, float | None, int] | None:
    """Seconds to out of distribution and to its end, and changes of state; None for a scan that was out before."""
    fade, held = scan.events[index]
    shown = [*fade, *_in_turn(held, round(_HOLD_S * FRAMES_PER_S)), *reversed(fade)]
    after = _to_and_fro(scan.live[::-1], round(_AFTER_S * FRAMES_PER_S))
    begins, ends = len(scan.live), len(scan.live) + len(shown)
    watch, said = OodWatch(scan.model), []
    step = round(FRAMES_PER_S / frames_per_s)
    sequence = [*scan.live, *shown, *after]
    for place in range(0, len(sequence), step):
        said.append((place, watch.update(place / FRAMES_PER_S, sequence[place]).state))
    before = [state for place, state in said if place < begins]
    if before[-1] == _OUT:
        return None
    out = next((place for place, state in said if begins <= place < ends and state == _OUT), None)
    # The fade back is the event's; frames of it that are lit enough may end the state before the scan is whole.
    back = next((place for place, state in said if place >= ends and state != _OUT), None)
    delays = (out, begins - 1), (back, ends)
    seconds = [None if at is None else (at - since) / FRAMES_PER_S for at, since in delays]
    return seconds[0], seconds[1], _changes([before[-1], *(state for place, state in said if place >= begins)])


def _in_turn(scores: Sequence[OodScore], count: int) -> list[OodScore]:
    return [scores[k % len(scores)] for k in range(count)]


def _to_and_fro(scores: Sequence[OodScore], count: int) -> list[OodScore]:
    return _in_turn([*scores, *reversed(scores)], count)


def _changes(states: Sequence[object]) -> int:
    return sum(one != other for one, other in zip(states[1:], states[:-1], strict=True))


def _delay(seconds: Sequence[float | None]) -> Delay:
    happened = [each for each in seconds if each is not None]
    never = len(seconds) - len(happened)
    if not happened:
        return Delay(None, None, None, never)
    median, p95 = np.quantile(happened, [0.5, 0.95])
    return Delay(float(median), float(p95), max(happened), never)
