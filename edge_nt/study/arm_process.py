"""The process of one arm: ``python -m edge_nt.study.arm_process ORDER``, started by `edge_nt.study.run_study`.

It writes the steps done to stdout, a number a line, and stops with a resume point at SIGINT, SIGTERM or SIGHUP, or once
its stdin is closed, which is also what happens when the study's own process dies. Exit codes: 0 finished, 130 stopped,
75 another process has the arm, else failed with the reason on stderr.
"""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_nt.errors import EdgeNtError
from edge_nt.study.arm_lock import arm_lock
from edge_nt.study.study_folder import Job, arm_folder, is_finished

STOPPED_EXIT_CODE, TAKEN_EXIT_CODE = 130, 75


@dataclass(frozen=True)
class Order:
    """What to train: a job of the study in `out`, with the dataset folder and the device (cpu or cuda) to use."""

    out: str
    data: str
    job: Job
    device: str


def main(order: Order) -> int:
    """Train the job unless it is finished or another process trains it; the exit code."""
    # Ctrl-C in a terminal, a time limit or the end of a session may reach every process of the study: they ask for the
    # same as the study does.
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup's wish goes on
            signal.signal(number, lambda _number, _frame: stopping.set())
    out = Path(order.out)
    with arm_lock(arm_folder(out, order.job)) as mine:
        if not mine:
            return TAKEN_EXIT_CODE
        if is_finished(out, order.job):
            return 0
        return _train(out, order, stopping)


def _train(out: Path, order: Order, stopping: threading.Event) -> int:
    from edge_nt.study.arm import train_arm
    from edge_nt.training.stage import TrainingStoppedError

    threading.Thread(target=_wait_for_end_of_input, args=(stopping,), daemon=True).start()
    try:
        train_arm(
            out,
            Path(order.data),
            order.job,
            device=order.device,
            on_step=_say_step,
            should_stop=stopping.is_set,
        )
    except TrainingStoppedError:
        return STOPPED_EXIT_CODE
    except EdgeNtError as error:
        print(f"edge-nt: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _say_step(step: int) -> None:
    try:
        print(step, flush=True)
    except BrokenPipeError:
        # The study's process died; the end of stdin stops the training in good order.
        sys.stdout = sys.stderr


def _wait_for_end_of_input(stopping: threading.Event) -> None:
    sys.stdin.read()
    stopping.set()


if __name__ == "__main__":
    sys.exit(main(msgspec.json.decode(sys.argv[1], type=Order)))
