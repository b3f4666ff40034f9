"""Every arm of a study in a process of its own, as many side by side as there are slots."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.study.arm_process import STOPPED_EXIT_CODE, TAKEN_EXIT_CODE, Order
from edge_nt.study.protocol import STAGE1
from edge_nt.study.slots import Slot, environment_of
from edge_nt.study.study_folder import Job, OpenStudy, is_finished, jobs_of, stage1_of

_POLL_S = 0.2
# How long an arm that another study trains is left alone before it is looked at again.
_TAKEN_PAUSE_S = 5.0


@dataclass(frozen=True)
class Failure:
    """A job that ended in an error, with the last line that it said."""

    job: Job
    message: str


class StudyStoppedError(Exception):
    """Someone asked the study to stop; every arm has written its resume point."""


@dataclass(frozen=True)
class _Child:
    """The process of a job, where it runs, and the last line that it said on stderr."""

    process: subprocess.Popen[str]
    slot: Slot
    words: deque[str]


@dataclass
class _Children:
    """What is running; steps and ends arrive in `events`."""

    running: dict[Job, _Child] = field(default_factory=dict)
    events: queue.Queue[tuple[Job, int | None]] = field(default_factory=queue.Queue)


def run_study(
    study: OpenStudy,
    slots: Sequence[Slot],
    *,
    on_step: Callable[[Job, int], None] = lambda _job, _step: None,
    on_end: Callable[[Job, int], None] = lambda _job, _code: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Failure, ...]:
    """Train and score every arm that is not finished; the jobs that failed, with those that hang on them left out.

    `on_step` gets a job and its steps done, `on_end` a job and its exit code. An arm that another process trains is
    waited for. Raises: StudyStoppedError after `should_stop` said so.
    """
    children, failed, asleep = _Children(), dict[Job, str](), dict[Job, float]()
    try:
        while True:
            todo = [
                job for job in jobs_of(study.record.protocol) if not is_finished(study.out, job) and job not in failed
            ]
            todo = [job for job in todo if stage1_of(job) not in failed]
            if not todo and not children.running:
                if failed and should_stop():  # They were told to stop as this process was.
                    raise StudyStoppedError
                return tuple(Failure(job, message) for job, message in failed.items())
            if should_stop():
                raise StudyStoppedError
            awake = [job for job in todo if asleep.get(job, 0.0) <= time.monotonic()]
            _start_ready(children, study, awake, slots)
            for job, child in _ended(children, on_step):
                code = child.process.wait()
                on_end(job, code)
                if code == TAKEN_EXIT_CODE:
                    asleep[job] = time.monotonic() + _TAKEN_PAUSE_S
                elif code != 0:
                    failed[job] = _last_words(child, code)
    finally:
        _stop(children)


def _start_ready(children: _Children, study: OpenStudy, todo: Sequence[Job], slots: Sequence[Slot]) -> None:
    free = list(slots)
    for child in children.running.values():
        free.remove(child.slot)
    for job in todo:
        ready = job.arm == STAGE1 or is_finished(study.out, stage1_of(job))
        if free and ready and job not in children.running:
            slot = free.pop(0)
            order = Order(str(study.out), str(study.data), job, slot.device)
            children.running[job] = _start(children, order, slot, study.record.threads)


def _start(children: _Children, order: Order, slot: Slot, threads: int) -> _Child:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_nt.study.arm_process", msgspec.json.encode(order).decode()],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment_of(slot, threads),
    )  # fmt: skip
    child = _Child(process, slot, deque(maxlen=1))
    threading.Thread(target=_listen, args=(children, order.job, child), daemon=True).start()
    return child


def _listen(children: _Children, job: Job, child: _Child) -> None:
    def keep_words() -> None:
        child.words.extend(line for line in child.process.stderr or () if line.strip())

    words = threading.Thread(target=keep_words, daemon=True)
    words.start()
    for line in child.process.stdout or ():
        if line.strip().isdigit():
            children.events.put((job, int(line)))
    words.join()
    children.events.put((job, None))


def _ended(children: _Children, on_step: Callable[[Job, int], None]) -> list[tuple[Job, _Child]]:
    """The jobs that ended, after waiting a little for the first event."""
    ends: list[tuple[Job, _Child]] = []
    try:
        event = children.events.get(timeout=_POLL_S)
        while True:
            job, step = event
            if step is not None:
                on_step(job, step)
            else:
                ends.append((job, children.running.pop(job)))
            event = children.events.get_nowait()
    except queue.Empty:
        return ends


def _stop(children: _Children) -> None:
    """Close every arm's stdin, so that all of them write their resume points at once, and wait for them."""
    for child in children.running.values():
        if child.process.stdin:
            child.process.stdin.close()
    for child in children.running.values():
        child.process.wait()


def _last_words(child: _Child, code: int) -> str:
    if code == STOPPED_EXIT_CODE:
        return "was stopped from outside"
    last = child.words[-1].strip() if child.words else "nothing"
    if code in (InputError.exit_code, MissingDependencyError.exit_code) and child.words:
        return last
    # What it said last need not be why it ended: a warning, before the kernel killed it for its memory.
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"{how}; it had said last: {last}"
