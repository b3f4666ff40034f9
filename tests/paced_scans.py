"""A source that offers scans at a fixed rate; run as a program, a live run of it that ends on SIGTERM."""

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from edge_nt.imaging.frame import Frame
from edge_nt.runtime.crew import load_crew
from edge_nt.sinks.pictures import Pictures
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sources.source import Offer
from edge_nt.stream.live_run import LiveRun

PIXELS = np.random.default_rng(1).integers(0, 255, (240, 320), np.uint8)


def decode(number: int) -> Frame:
    return Frame(PIXELS, f"frame {number}")


class PacedScans:
    """Offers `frames` frames, one every `period_s`, whether or not anybody keeps up; decoded by `decode`."""

    name = "paced scans"

    def __init__(
        self, frames: int, period_s: float, decode: Callable[[int], Frame] = decode, *, live: bool = True
    ) -> None:
        self.frames, self.period_s, self.decode, self.live = frames, period_s, decode, live
        self.stopped = threading.Event()

    def offers(self) -> Iterator[Offer]:
        due_s = time.perf_counter()
        for number in range(self.frames):
            due_s += self.period_s
            if self.stopped.wait(max(due_s - time.perf_counter(), 0)):
                return
            yield Offer(self.name, f"frame {number}", time.time(), partial(self.decode, number))

    def stop(self) -> None:
        self.stopped.set()


class DeadGrabber(PacedScans):
    """A driver whose read never comes back, whatever it is told, after the first `frames`."""

    name = "dead grabber"

    def offers(self) -> Iterator[Offer]:
        yield from super().offers()
        time.sleep(600)


def main(kind: str, bundle_folder: str, folder: Path) -> None:
    """Until SIGTERM; then say in one JSON line how the run ended."""
    crew = load_crew(bundle_folder, jobs=2, threads=1, backend="onnxruntime")
    grabber = DeadGrabber(10, 0.01) if kind == "dead" else PacedScans(10**6, 0.002, live=kind == "live")
    with ExitStack() as stack:
        log = stack.enter_context(ResultLog(folder, None))
        pictures = Pictures(folder)
        stack.enter_context(pictures)
        live = LiveRun(crew, grabber, [pictures], log)
        signal.signal(signal.SIGTERM, lambda *_: live.stop())
        summary = live.run()
    print(json.dumps({"done": summary.counts.done, "under_way": summary.counts.under_way, "lines": log.count}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
