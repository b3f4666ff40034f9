"""`edge-nt serve` as the process that systemd starts, on a replay of soft blobs that its bundle knows."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import block_bundle
import cv2
import numpy as np
from prometheus_client.parser import text_string_to_metric_families

FADED_FROM, FADED_TO = 30, 60


def write_recording(folder: Path, frames: int = 90) -> Path:
    """PNG frames of which some fade to black and come back, as when a probe is lifted off the skin."""
    folder.mkdir()
    for index in range(frames):
        picture = block_bundle.scan(600 + index % 20)
        if FADED_FROM <= index < FADED_TO:
            picture = np.asarray(picture * max(0.0, 1 - (index - FADED_FROM) / 5), np.uint8)
        cv2.imwrite(str(folder / f"{index:04d}.png"), picture)
    return folder


@dataclass
class ServeProcess:
    process: subprocess.Popen
    port: int
    out: Path
    log: list[str]

    def get(self, path: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def metrics(self) -> dict[str, float]:
        families = text_string_to_metric_families(self.get("/metrics")[1].decode())
        return {s.name: s.value for family in families for s in family.samples if not s.labels}

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in (self.out / "results.jsonl").read_text().splitlines()]

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; the exit code, and the seconds until everything was written, as the log says last.

        The interpreter's own end is not in them: it waits for its share of a busy machine.
        """
        start = time.monotonic()
        self.process.send_signal(number)
        while not any("ended after" in line for line in self.log) and time.monotonic() - start < 10:
            time.sleep(0.01)
        seconds = time.monotonic() - start
        return self.process.wait(10), seconds


@contextmanager
def serve_process(
    bundle: Path, source: str, out: Path, more: Sequence[str] = (), environment: dict[str, str] | None = None
) -> Iterator[ServeProcess]:
    """Start it on a free port, and return once it listens; killed at the end if it still runs."""
    command = [sys.executable, "-c", "from edge_nt.cli.app import entry_point; entry_point()", "serve", str(bundle)]
    command += ["--source", source, "--out", str(out), "--listen", "127.0.0.1:0", "--backend", "onnxruntime"]
    command += ["--jobs", "1", "--threads", "1", *more]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    log: list[str] = []
    # Read by a thread of its own: a pipe that nobody empties would stop the service.
    reader = Thread(target=lambda: [log.append(line) for line in process.stderr], daemon=True)
    try:
        port = None
        for line in process.stderr:
            log.append(line)
            found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
            if found:
                port = int(found[1])
                break
        assert port is not None, f"it never listened: {log}"
        reader.start()
        yield ServeProcess(process, port, out, log)
    finally:
        process.kill()
        process.wait()
        if reader.ident is not None:
            reader.join(5)
        process.stderr.close()
