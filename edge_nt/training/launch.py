"""Starting the processes of one training on this node, with torch's own launcher (that of torchrun)."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_nt.errors import EdgeNtError, InputError, MissingDependencyError

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig

STOPPED_EXIT_CODE = 130  # what a shell reports for a program ended by Ctrl-C
_RUN_PROGRAM = "from edge_nt.cli.app import entry_point; entry_point()"
# Exit codes of a process: it said itself what was wrong; it left a traceback; another one was gone (BSD's sysexits).
_SAID = (InputError.exit_code, MissingDependencyError.exit_code)
_CRASHED, _LOST_ANOTHER = 70, 75
_LAUNCHER_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
# How a process ends because another one did: by itself, or by the launcher.
_FOLLOWED = (_LOST_ANOTHER, -signal.SIGTERM, -signal.SIGKILL)


class LostProcessError(EdgeNtError):
    """One of the processes of a training ended on its own, and all others were ended with it."""

    exit_code = 3


class MistakeElsewhereError(EdgeNtError):
    """What a process other than the leading one would have said of a user's mistake, with its exit code."""

    def __init__(self, words: str, exit_code: int) -> None:
        Exception.__init__(self, words)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Processes:
    """The processes that train together: so many on each of so many nodes; `rank` from 0 where this is one of them."""

    here: int = 1
    nodes: int = 1
    rank: int | None = None

    def __post_init__(self) -> None:
        if min(self.here, self.nodes) < 1:
            got = f"{self.here} devices on {self.nodes} nodes"
            raise InputError(expected="at least one device and one node", got=got, fix="correct --devices, --num-nodes")

    def __str__(self) -> str:
        return f", {self.here * self.nodes} processes" if self.here * self.nodes > 1 else ""

    @property
    def to_launch(self) -> bool:
        """Whether processes have yet to be started, and this one only watches over them."""
        return self.rank is None and self.here * self.nodes > 1


def processes(devices: int | None, nodes: int | None, *, new_run: bool) -> Processes:
    """What was asked for by flags, or by the launcher that started this process.

    Raises: InputError where the flags differ from the launcher, or several starts would each make the `new_run`.
    """
    launched = "LOCAL_WORLD_SIZE" in os.environ and "TORCHELASTIC_RUN_ID" in os.environ
    if new_run and (launched or (nodes or 1) > 1):
        raise InputError(
            expected="--resume RUN under torchrun and with --num-nodes",
            got="a new run, which every start would make",
            fix="make it once with --prepare, then start that run everywhere with --resume",
        )
    if not launched:
        return Processes(1 if devices is None else devices, 1 if nodes is None else nodes)
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    found = Processes(here, int(os.environ["WORLD_SIZE"]) // here, int(os.environ["RANK"]))
    if (devices or found.here, nodes or found.nodes) != (found.here, found.nodes):
        raise InputError(
            expected=f"the launcher's {found.here} processes on {found.nodes} nodes",
            got=f"--devices {devices or found.here} --num-nodes {nodes or found.nodes}",
            fix="leave these flags out under torchrun",
        )
    return found


def launch(run: Path, asked: Processes, rendezvous: str | None, data: Path | None = None) -> int:
    """Train the prepared `run` in new processes on this node and return their exit code: 0, 130 when stopped, or
    2 or 3 where the leading one has said why.

    `rendezvous` is the HOST:PORT at which several nodes meet, `data` where the dataset lies now, where it has moved.
    Raises: InputError when several nodes have none; MistakeElsewhereError with what another process had to say;
    LostProcessError when a process failed, and all were ended.
    """
    # The launcher's own messages say the same at ten times the length.
    logging.getLogger("torch.distributed.elastic").addHandler(logging.NullHandler())
    logging.getLogger("torch.distributed.elastic").propagate = False
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch

    config = _launch_config(run, asked, rendezvous)
    where = () if data is None else ("--data", str(data))
    # The launcher leaves its own behind.
    handlers = {number: signal.getsignal(number) for number in _LAUNCHER_SIGNALS}
    try:
        elastic_launch(config, sys.executable)("-c", _RUN_PROGRAM, "train", "--resume", str(run), *where)
    except SignalException:
        return STOPPED_EXIT_CODE
    except ChildFailedError as error:
        return outcome_of(run, asked, error)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return 0


def _launch_config(run: Path, asked: Processes, rendezvous: str | None) -> LaunchConfig:
    from torch.distributed.launcher.api import LaunchConfig

    if asked.nodes > 1 and rendezvous is None:
        raise InputError(
            expected="--rendezvous HOST:PORT with --num-nodes",
            got="none",
            fix="name a port of one of the nodes, the same on every node",
        )
    # Half a minute by default: a process inside a long validation would be killed before its resume point.
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "600")
    return LaunchConfig(
        min_nodes=asked.nodes,
        max_nodes=asked.nodes,
        nproc_per_node=asked.here,
        run_id=f"edge-nt-{run.resolve().name}",
        rdzv_backend="c10d",
        rdzv_endpoint=rendezvous or "localhost:0",
        max_restarts=0,
    )


def outcome_of(run: Path, asked: Processes, error: ChildFailedError) -> int:
    """The exit code of processes that stopped as asked, or of which the leading one said why.

    Raises: MistakeElsewhereError where only another one would have; LostProcessError for any other end.
    """
    rank, first = min(error.failures.items(), key=lambda item: (item[1].exitcode in _FOLLOWED, item[1].timestamp))
    if first.exitcode == STOPPED_EXIT_CODE:
        return first.exitcode
    if first.exitcode in _SAID:
        # The leading process may have been ended before it came to the mistake, or stand on another node's terminal.
        # What went wrong before anybody was `watched` every process said itself, and left no file.
        led = 0 in error.failures and error.failures[0].exitcode in _SAID
        if not led and crash_file(run, rank).is_file():
            raise MistakeElsewhereError(crash_file(run, rank).read_text(encoding="utf-8").strip(), first.exitcode)
        return first.exitcode
    how = f"by {first.signal_name()}" if first.exitcode < 0 else f"with exit code {first.exitcode}"
    noted = f"read {crash_file(run, rank)}; " if crash_file(run, rank).is_file() else ""
    raise LostProcessError(
        expected=f"all {asked.here * asked.nodes} processes to train to the end",
        got=f"process {rank} ended {how}, and the others with it",
        fix=f"{noted}go on with `edge-nt train --resume {run}`",
    )


@contextmanager
def watched(run: Path, together: Processes) -> Iterator[None]:
    """Let one process of several end without a word on everybody's terminal: traceback or line go to its `crash_file`.

    The leading one says a user's mistake itself.
    """
    from edge_nt.training.stage import TrainingStoppedError

    rank = together.rank
    if rank is None:
        yield
        return
    crash_file(run, rank).unlink(missing_ok=True)
    try:
        yield
    except TrainingStoppedError:
        raise
    except EdgeNtError as error:
        if rank == 0:
            raise
        crash_file(run, rank).write_text(f"{error}\n", encoding="utf-8")
        sys.exit(error.exit_code)
    except Exception as error:
        if _is_lost_connection(error):
            sys.exit(_LOST_ANOTHER)
        crash_file(run, rank).write_text(traceback.format_exc(), encoding="utf-8")
        sys.exit(_CRASHED)


def _is_lost_connection(error: Exception) -> bool:
    from torch.distributed import DistError

    # Gloo says it as a plain RuntimeError that names its source file.
    return isinstance(error, DistError) or (isinstance(error, RuntimeError) and "gloo/transport" in str(error))


def crash_file(run: Path, rank: int) -> Path:
    """Where the process `rank` leaves its traceback, or a user's mistake that only it has seen."""
    return run / f"crash-{rank}.txt"
