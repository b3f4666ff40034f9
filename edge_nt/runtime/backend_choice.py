"""Which backend runs a bundle on this machine: named by a person, or found by a short measurement."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter, sleep
from typing import Literal

import numpy as np

from edge_nt.bundle.read import Bundle
from edge_nt.errors import EdgeNtError, MissingDependencyError
from edge_nt.imaging.letterbox import to_unit_range
from edge_nt.runtime.backends import AUTO, candidate_backends, check_backend, open_session
from edge_nt.runtime.choice_store import BackendTrial, choice_key, read_trials, shortened, store_trials
from edge_nt.runtime.golden import GoldenTolerances, check_golden, shipped_tolerances
from edge_nt.runtime.session import Session
from edge_nt.runtime.tensorrt_session import TensorRtSession

# Three turns of ten frames for each engine: the median of 30. The worker threads of the other engine go on spinning
# after its last frame, so a turn begins with a pause; its first frames wake the threads and are not counted.
_TURNS, _WARMUP_FRAMES, _TIMED_FRAMES, _PAUSE_S = 3, 3, 10, 0.05
# No new turn begins after this: a slow machine measures less instead of making its user wait.
_BUDGET_S = 1.5

Origin = Literal["as asked", "the only one installed", "measured now, stored", "measured now, not stored", "stored"]


@dataclass(frozen=True)
class BackendChoice:
    """The backend that runs, how it was found, what every candidate of the measurement showed, and how it is run."""

    backend: str
    origin: Origin
    trials: tuple[BackendTrial, ...] = ()
    launch: str = ""

    def __str__(self) -> str:
        """One line, such as ``openvino (2.9 ms against onnxruntime 4.7 ms; measured now, stored)``."""
        timed = {trial.backend: f"{trial.p50_ms:.1f} ms" for trial in self.trials if trial.p50_ms is not None}
        figures = [timed.pop(self.backend, ""), *(f"against {backend} {ms}" for backend, ms in timed.items())]
        refused = [f"{trial.backend} refused: {trial.refused}" for trial in self.trials if trial.refused]
        parts = (" ".join(figures), *refused, self.launch, self.origin)
        return f"{self.backend} ({'; '.join(part for part in parts if part)})"


def choose_backend(bundle: Bundle, backend: str, threads: int | None = None) -> tuple[BackendChoice, Session]:
    """The session of `backend`, and why it is this one; ``auto`` takes the fastest that repeats the golden vectors.

    ``auto`` looks at the installed backends that do not change the arithmetic, and at TensorRT where the bundle has
    engines. The only one must repeat the golden vectors at every start. Of several it measures all for about a second,
    once: the result is stored for this bundle, its engines, machine and these versions.
    Raises: InputError, MissingDependencyError; GateFailedError when no candidate repeats the golden vectors here.
    """
    check_backend(backend)
    if backend != AUTO:
        return _chosen(backend, "as asked", (), open_session(bundle, backend, threads))
    candidates, tolerances = candidate_backends(bundle), shipped_tolerances()
    if len(candidates) == 1:
        session = _faithful(bundle, candidates[0], threads, tolerances)
        return _chosen(candidates[0], "the only one installed", (), session)
    key = choice_key(bundle, threads, tolerances)
    stored = read_trials(key, candidates)
    if stored is not None:
        fastest = _fastest(stored)
        # A GPU may be gone since then, or TensorRT another, while the rest still runs: that is to be measured again.
        with suppress(EdgeNtError):
            return _chosen(fastest, "stored", stored, open_session(bundle, fastest, threads))
    trials, sessions = _measure(bundle, candidates, threads, tolerances)
    origin: Origin = "measured now, stored" if store_trials(key, trials) else "measured now, not stored"
    return _chosen(_fastest(trials), origin, trials, sessions[_fastest(trials)])


def _chosen(
    backend: str, origin: Origin, trials: tuple[BackendTrial, ...], session: Session
) -> tuple[BackendChoice, Session]:
    launch = session.said if isinstance(session, TensorRtSession) else ""
    return BackendChoice(backend, origin, trials, launch), session


def _faithful(bundle: Bundle, backend: str, threads: int | None, tolerances: GoldenTolerances) -> Session:
    session = open_session(bundle, backend, threads)
    # Kernels may saturate sums of INT8 on one kind of processor and not on another, and nothing else would tell.
    check_golden(bundle, session, tolerances)
    return session


def _fastest(trials: tuple[BackendTrial, ...]) -> str:
    return min((trial.p50_ms, trial.backend) for trial in trials if trial.p50_ms is not None)[1]


def _measure(
    bundle: Bundle, candidates: tuple[str, ...], threads: int | None, tolerances: GoldenTolerances
) -> tuple[tuple[BackendTrial, ...], dict[str, Session]]:
    sessions: dict[str, Session] = {}
    errors: dict[str, EdgeNtError] = {}
    for backend in candidates:
        try:
            sessions[backend] = _faithful(bundle, backend, threads, tolerances)
        except EdgeNtError as error:
            errors[backend] = error
        except Exception as error:  # Engines' own errors share no narrower base class, and another one may well run.
            errors[backend] = MissingDependencyError(
                expected=f"a working {backend}", got=_first_line(error), fix=f"install {backend} again"
            )
    reasons = {backend: shortened(f"expected {error.expected}, got {error.got}") for backend, error in errors.items()}
    if not sessions:
        first = errors[candidates[0]]
        got = "; ".join(f"{backend}: {reason}" for backend, reason in reasons.items())
        raise type(first)(expected=f"a backend that runs {bundle.folder}", got=got, fix=first.fix)
    medians = _medians_ms(bundle, sessions)
    trials = tuple(BackendTrial(backend, medians.get(backend), reasons.get(backend)) for backend in candidates)
    return trials, sessions


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _medians_ms(bundle: Bundle, sessions: Mapping[str, Session]) -> dict[str, float]:
    """The median of encode + decode of one golden frame, the backends taking turns."""
    image = to_unit_range(bundle.golden.frames[:1])
    times_ms: dict[str, list[float]] = {backend: [] for backend in sessions}
    deadline = perf_counter() + _BUDGET_S
    for turn in range(_TURNS):
        if turn and perf_counter() > deadline:
            break
        for backend, session in sessions.items():
            sleep(_PAUSE_S)
            for _ in range(_WARMUP_FRAMES):
                session.decode(session.encode(image))
            for _ in range(_TIMED_FRAMES):
                start = perf_counter()
                session.decode(session.encode(image))
                times_ms[backend].append((perf_counter() - start) * 1e3)
    return {backend: float(np.median(times)) for backend, times in times_ms.items()}
