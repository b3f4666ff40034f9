"""Which way of handing frames to this GPU is the fastest: measured for the plans at hand, and kept beside them."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from edge_nt.bundle.read import Bundle
from edge_nt.errors import EdgeNtError, GateFailedError, MissingDependencyError
from edge_nt.imaging.letterbox import to_unit_range
from edge_nt.results import write_result
from edge_nt.runtime.golden import GoldenTolerances, check_golden
from edge_nt.runtime.launch import LAUNCH_NAME, LAUNCHES, Launch, LaunchChoice, LaunchTrial, plan_digests
from edge_nt.runtime.tensorrt_session import TensorRtSession, engine_folder

# The ways take turns, so that a clock that rises or falls meanwhile favours none.
_TURNS, _WARMUP_FRAMES, _TIMED_FRAMES = 4, 5, 25


def measure_launches(bundle: Bundle, tolerances: GoldenTolerances) -> LaunchChoice:
    """Time encode + decode of one golden frame in every way, and store the fastest that repeats the golden vectors.

    Raises: GateFailedError or MissingDependencyError when none does; InputError for engines that do not fit.
    """
    folder = engine_folder(bundle)
    sessions: dict[Launch, TensorRtSession] = {}
    refusals: dict[Launch, EdgeNtError | str] = {}
    for launch in LAUNCHES:
        try:
            session = TensorRtSession(bundle, launch)
            check_golden(bundle, session, tolerances)
        except (GateFailedError, MissingDependencyError) as error:
            refusals[launch] = error
            continue
        if session.refused_graph is None:
            sessions[launch] = session
        else:
            refusals[launch] = session.refused_graph
    if not sessions:
        raise next(error for error in refusals.values() if isinstance(error, EdgeNtError))
    times_ms = _times_ms(bundle, sessions)
    trials = tuple(_trial(launch, times_ms.get(launch), refusals.get(launch)) for launch in LAUNCHES)
    fastest = min(times_ms, key=lambda launch: float(np.median(times_ms[launch])))
    choice = LaunchChoice("edge-nt launch", 1, plan_digests(folder), fastest, trials)
    write_result(folder / LAUNCH_NAME, choice)
    return choice


def _trial(launch: Launch, times_ms: list[float] | None, refusal: EdgeNtError | str | None) -> LaunchTrial:
    if times_ms is None:
        return LaunchTrial(launch, None, None, str(refusal))
    p50_ms, p95_ms = np.percentile(times_ms, (50, 95))
    return LaunchTrial(launch, float(p50_ms), float(p95_ms), None)


def _times_ms(bundle: Bundle, sessions: dict[Launch, TensorRtSession]) -> dict[Launch, list[float]]:
    image = to_unit_range(bundle.golden.frames[:1])
    times_ms: dict[Launch, list[float]] = {launch: [] for launch in sessions}
    for _ in range(_TURNS):
        for launch, session in sessions.items():
            for _ in range(_WARMUP_FRAMES):
                session.decode(session.encode(image))
            for _ in range(_TIMED_FRAMES):
                start = perf_counter()
                # Each ends with its stream's synchronisation: what is timed is done.
                session.decode(session.encode(image))
                times_ms[launch].append((perf_counter() - start) * 1e3)
    return times_ms
