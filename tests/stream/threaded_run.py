"""A live run in a thread of its own, and the crew that it runs with."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.stream.live_run import LiveRun, LiveSummary

Crew = tuple[Reconstructor, ...]


@contextmanager
def running(live: LiveRun) -> Iterator[list[LiveSummary]]:
    """The run in a thread of its own; its summary is in the list once the block is left."""
    summaries: list[LiveSummary] = []
    runner = threading.Thread(target=lambda: summaries.append(live.run()))
    runner.start()
    yield summaries
    runner.join()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
