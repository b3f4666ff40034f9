"""How far a build is, as TensorRT reports it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, current_thread, main_thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorrt as trt

OnPhase = Callable[[str, int, int], None]


def phase_monitor(on_phase: OnPhase) -> tuple[trt.IProgressMonitor, list[BaseException]]:
    """A monitor that passes on phase, steps done and steps in all; and what `on_phase` raised, Ctrl-C included.

    TensorRT calls it from several threads, through C++ that an exception must not reach: it would end the process.
    """
    import tensorrt as trt

    stopped: list[BaseException] = []
    steps: dict[str, int] = {}
    lock = Lock()

    def told(phase: str, done: int) -> bool:
        try:
            with lock:
                if not stopped:
                    on_phase(phase, done, steps.get(phase, 0))
        except BaseException as error:  # Also KeyboardInterrupt, which a drawing callback may raise.
            stopped.append(error)
        return not stopped

    class Monitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            steps[phase_name] = num_steps
            told(phase_name, 0)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return told(phase_name, step + 1)

        def phase_finish(self, phase_name: str) -> None:
            told(phase_name, steps.get(phase_name, 0))

    return Monitor(), stopped


@contextmanager
def held_interrupt(stopped: list[BaseException]) -> Iterator[None]:
    """Keep Ctrl-C out of the block, where TensorRT's C++ would meet it, and in `stopped`, which the monitor asks.

    Only a main thread hears signals; in another one there is nothing to hold.
    """
    before = signal.getsignal(signal.SIGINT)
    if current_thread() is not main_thread() or not callable(before):
        # Ignored, as in the background of a script, it stays so.
        yield
        return
    signal.signal(signal.SIGINT, lambda _number, _frame: stopped.append(KeyboardInterrupt()))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def raise_stopped(stopped: list[BaseException]) -> None:
    """Raise what stopped the build, if anything did."""
    if stopped:
        raise stopped[0]
