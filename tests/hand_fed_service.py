"""A real service in this process, over a source of the tests' own that gives frames when told to."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import numpy as np

from edge_nt.errors import EdgeNtError
from edge_nt.imaging.frame import Frame
from edge_nt.runtime.crew import load_crew
from edge_nt.service.http_server import HttpServer, parse_address
from edge_nt.service.routes import service_routes
from edge_nt.service.sd_notify import Notifier
from edge_nt.service.service import Service
from edge_nt.service.web import Web
from edge_nt.sinks.ood_watch import OodWatchSink
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sources.source import Offer


class HandFed:
    """A live source whose frames are put in by hand; an error put in loses the source, None ends it."""

    def __init__(self, *, live: bool = True) -> None:
        self.name = "hand fed"
        self.live = live
        self._items: SimpleQueue = SimpleQueue()
        self._stopped = False

    def give(self, pixels: np.ndarray | EdgeNtError, name: str = "frame") -> None:
        def decode() -> Frame:
            if isinstance(pixels, EdgeNtError):
                raise pixels
            return Frame(pixels, name, mm_per_px=0.1)

        self._items.put(lambda: Offer(self.name, name, time.time(), decode))

    def lose(self, error: Exception | None) -> None:
        self._items.put(error)

    def offers(self) -> Iterator[Offer]:
        while not self._stopped:
            try:
                item = self._items.get(timeout=0.05)
            except Empty:
                continue
            if item is None:
                return
            if isinstance(item, Exception):
                raise item
            yield item()

    def stop(self) -> None:
        self._stopped = True


@dataclass
class Running:
    """A service that runs, and a browser's view of it."""

    service: Service
    source: HandFed
    port: int
    out: Path
    outcome: list

    def request(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def state(self, query: str = "") -> dict:
        return json.loads(self.request(f"/state.json{query}")[1])

    def feed(self, *frames: np.ndarray, name: str = "frame") -> None:
        """Give frames one by one, each once the one before is written, so that none is dropped."""
        for pixels in frames:
            before = self.service.snapshot().counts.done
            self.source.give(pixels, name)
            until(lambda before=before: self.service.snapshot().counts.done > before)


def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@contextmanager
def serving(bundle: Path, out: Path, *, page: bool = True, host_names: Sequence[str] = (), **kwargs) -> Iterator:
    out.mkdir()
    source = kwargs.pop("source", None) or HandFed()
    crew = load_crew(bundle, 1, 1, "onnxruntime")
    outcome: list = []
    with ExitStack() as stack:
        log = stack.enter_context(ResultLog(out, crew[0].verdict))
        watch = stack.enter_context(OodWatchSink(crew[0].bundle, live=source.live))
        service = Service(crew, source, watch, (), log, out=out, **kwargs)

        def run() -> None:
            try:
                outcome.append(service.run(Notifier({})))
            except EdgeNtError as error:
                outcome.append(error)

        web = Web(service_routes(service, page=page), host_names)
        server = stack.enter_context(HttpServer(web, parse_address("127.0.0.1:0", expose=False)))
        thread = Thread(target=run)
        running = Running(service, source, server.address.port, out, outcome)
        running.start = thread.start
        running.join = thread.join
        try:
            yield running
        finally:
            service.stop()
            if thread.ident is not None:
                thread.join()
