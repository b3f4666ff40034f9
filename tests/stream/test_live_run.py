"""A live run: exact counts, an end within a second, and what slow, broken and unwritable frames cost."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import block_bundle
import pytest

from edge_nt.imaging.frame import Frame
from edge_nt.runtime.crew import load_crew
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sources.source import Offer
from edge_nt.stream.live_run import LiveRun

PIXELS = block_bundle.scan(1)


def decode(number: int, slow: dict[int, float]) -> Frame:
    time.sleep(slow.get(number, 0.0))
    return Frame(PIXELS, f"frame {number}")


class Paced:
    """Offers a frame every `period_s`, whether or not anybody keeps up; `slow` frames sleep while they are decoded."""

    name = "paced"

    def __init__(self, frames: int, period_s: float, slow: dict[int, float] | None = None, *, live: bool = True):
        self.frames, self.period_s, self.slow, self.live = frames, period_s, slow or {}, live
        self.stopped = threading.Event()

    def offers(self) -> Iterator[Offer]:
        due_s = time.perf_counter()
        for number in range(self.frames):
            due_s += self.period_s
            if self.stopped.wait(max(due_s - time.perf_counter(), 0)):
                return
            yield Offer(self.name, f"frame {number}", time.time(), partial(decode, number, self.slow))

    def stop(self) -> None:
        self.stopped.set()


def test_a_source_that_is_not_live_loses_nothing(bundle_folder: Path, tmp_path: Path) -> None:
    crew = load_crew(bundle_folder, jobs=2, threads=1, backend="onnxruntime")
    with ResultLog(tmp_path, None) as log:
        summary = LiveRun(crew, Paced(50, 0.0, live=False), (), log).run()
    assert (summary.counts.offered, summary.counts.done, summary.counts.dropped) == (50, 50, 0)
    assert not summary.stopped
    assert not summary.source_stuck


@pytest.mark.parametrize("period_s", [0.0, 0.0005, 0.02])
def test_in_and_dropped_are_offered_at_every_moment(bundle_folder: Path, tmp_path: Path, period_s: float) -> None:
    crew = load_crew(bundle_folder, jobs=2, threads=1, backend="onnxruntime")
    with ResultLog(tmp_path, None) as log:
        live = LiveRun(crew, Paced(int(0.4 / max(period_s, 0.0001)), period_s, {3: 0.05}), (), log)
        runner = threading.Thread(target=live.run)
        runner.start()
        while runner.is_alive():
            counts = live.counts()
            assert counts.offered == counts.taken + counts.dropped + counts.waiting
            assert counts.taken == counts.done + counts.failed + counts.under_way
            assert counts.under_way >= 0
        assert live.counts().under_way == live.counts().waiting == 0
        assert live.counts().done == log.count
