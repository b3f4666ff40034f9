"""The reconstructors of a run: one a job, each with a session of its own, so that they work at the same time."""

from __future__ import annotations

from os import PathLike

from edge_nt.errors import InputError
from edge_nt.machine import usable_cores
from edge_nt.runtime.backends import AUTO, open_session
from edge_nt.runtime.reconstructor import Reconstructor, load

# Each job holds a copy of the weights as its engine packs them; beyond this, memory buys little.
_MOST_DEFAULT_JOBS = 8


def load_crew(
    bundle_folder: str | PathLike[str] | None,
    jobs: int | None = None,
    threads: int | None = None,
    backend: str = AUTO,
    *,
    allow_unverified: bool = False,
) -> tuple[Reconstructor, ...]:
    """Load a bundle once, or the shipped one for None, with as many sessions of one backend as there are `jobs`.

    `jobs` None takes one a core that this process may use, up to 8. `threads` inside an operator, for each job; None
    shares the cores out among several jobs, and leaves the number to the backend for a single one. `allow_unverified`
    is as in `load`.
    Raises: InputError for fewer than 1 job, and what `load` raises.
    """
    count, threads = shared_out(jobs, threads)
    first = load(bundle_folder, threads, backend, allow_unverified=allow_unverified)
    others = (open_session(first.bundle, first.session.backend, threads) for _ in range(count - 1))
    return (first, *(Reconstructor(first.bundle, session, first.choice, first.admission) for session in others))


def shared_out(jobs: int | None, threads: int | None) -> tuple[int, int | None]:
    """How many jobs there are and the threads of each, as `load_crew` describes them. Raises: InputError."""
    check_jobs(jobs)
    cores = usable_cores()
    count = min(cores, _MOST_DEFAULT_JOBS) if jobs is None else jobs
    return count, max(cores // count, 1) if threads is None and count > 1 else threads


def check_jobs(jobs: int | None) -> None:
    """Raises: InputError for fewer than 1 job."""
    if jobs is not None and jobs < 1:
        raise InputError(expected="at least 1 job", got=str(jobs), fix="leave --jobs out, or pass 1 or more")
