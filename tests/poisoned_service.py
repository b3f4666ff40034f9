"""`edge-nt serve` started again whenever it dies, as systemd does, over files of which some end the process.

A file with ``crash`` in its name makes native code read at address 0, one with ``hang`` never comes back, in the thread
and at the frame where a flaw of a decoder would: a picture when a job decodes it, a video when its third frame is read,
a cine when a job decodes its third frame. A hang is ended with SIGABRT, as by systemd's watchdog. Prints, as JSON, each
start's end and what was begun of such files.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge_nt.imaging import recording, video
from edge_nt.imaging.dicom import DicomFile
from edge_nt.runtime.crew import load_crew
from edge_nt.service.http_server import parse_address
from edge_nt.service.serve import ServeSettings, serve
from edge_nt.stream.outputs import Outputs

_FRAME = 2
_MOST_STARTS = 20


def main(bundle: Path, source: str, out: Path, lines: int, deidentify: bool) -> None:
    """Until it ended by itself, or has written so many lines and was stopped."""
    ended, begun = [], []
    for _ in range(_MOST_STARTS):
        reading, writing = os.pipe()
        # A child for each start, so that what takes long is imported once.
        child = os.fork()
        if child == 0:
            os.close(reading)
            _serve(bundle, source, out, deidentify, writing)
        os.close(writing)
        status = _watch(child, reading, out, lines, begun)
        ended.append(status if status >= 0 else signal.Signals(-status).name)
        if status >= 0:
            break
    print(json.dumps({"ended": ended, "begun": begun}))


def _serve(bundle: Path, source: str, out: Path, deidentify: bool, told: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _poison(lambda name: os.write(told, f"{name}\n".encode()))
    crew = load_crew(bundle, jobs=2, threads=1, backend="onnxruntime")
    outputs = Outputs(pictures=False, latents="none", deidentify=deidentify)
    serve(crew, ServeSettings(source, out, parse_address("127.0.0.1:0", expose=False), outputs, page=False))
    os._exit(0)


def _watch(child: int, reading: int, out: Path, lines: int, begun: list[str]) -> int:
    os.set_blocking(reading, False)
    stopped = False
    while True:
        try:
            names = os.read(reading, 1 << 16).decode().splitlines()
        except BlockingIOError:
            names = []
        begun += names
        if any("hang" in name for name in names):
            os.kill(child, signal.SIGABRT)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if (
            not stopped
            and (out / "results.jsonl").exists()
            and (out / "results.jsonl").read_bytes().count(b"\n") >= lines
        ):
            os.kill(child, signal.SIGTERM)
            stopped = True
        time.sleep(0.005)


def _poison(tell: Callable[[str], Any]) -> None:
    def misbehave(name: str) -> None:
        if "crash" in name or "hang" in name:
            tell(name)
        if "crash" in name:
            ctypes.string_at(0)
        if "hang" in name:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            time.sleep(600)

    decode_image, video_frames, frame = recording.decode_image, video.video_frames, DicomFile.frame

    def decode(path: Path) -> Any:
        misbehave(path.name)
        return decode_image(path)

    def read(path: Path) -> Iterator[Any]:
        for index, found in enumerate(video_frames(path)):
            if index == _FRAME:
                misbehave(path.name)
            yield found

    def decode_dicom(self: DicomFile, index: int) -> Any:
        if index == _FRAME:
            misbehave(Path(self.name).name)
        return frame(self, index)

    recording.decode_image, video.video_frames, DicomFile.frame = decode, read, decode_dicom


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5:] == ["deidentify"])
