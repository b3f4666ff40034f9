"""The public doors that hostile input comes through, and what must be true behind each, whatever came."""

import faulthandler
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
from hostile_cases import PICTURES, Case

from edge_nt.errors import EdgeNtError
from edge_nt.imaging.decode import decode_image
from edge_nt.runtime.crew import load_crew
from edge_nt.runtime.reconstructor import Reconstructor, load
from edge_nt.sinks.archive_format import read_archive
from edge_nt.sinks.log_segments import LogLimits
from edge_nt.sinks.result_log import RESULTS_NAME, ResultLog
from edge_nt.sources.files import FileSource
from edge_nt.sources.source import FilePlace
from edge_nt.stream.live_run import LiveRun
from edge_nt.stream.unexpected import as_frame_error


class BrokenPromiseError(Exception):
    """What a door must never let happen has happened."""


@dataclass(frozen=True)
class Doors:
    """A loaded bundle, a sound scan to come behind each hostile file, and room to write in."""

    crew: tuple[Reconstructor, ...]
    good: Path
    work: Path

    def through(self, case: Case, hostile: Path) -> str:
        """Take `hostile` through its door: ``decoded``, ``refused`` or ``partly``. Raises: BrokenPromiseError."""
        if case.kind == "check":
            return _misbehave(case.seed, hostile)
        if case.kind in (*PICTURES, "bomb"):
            return self._frames(hostile)
        if case.kind == "archive":
            return _archive(hostile)
        return self._ledger(hostile) if case.kind == "ledger" else self._bundle(hostile)

    def _frames(self, hostile: Path) -> str:
        with self._folder() as out:
            with ResultLog(out, None) as log:
                counts = LiveRun(self.crew, FileSource([hostile, self.good]), (), log).run().counts
            lines = [json.loads(line) for line in (out / RESULTS_NAME).read_bytes().splitlines()]
        *about, last = lines
        if last["file"] != str(self.good) or "error" in last:
            raise BrokenPromiseError(f"the sound file behind it has the line {last}")
        if not about or counts.write_errors or counts.under_way or counts.dropped:
            raise BrokenPromiseError(f"{len(about)} lines, {counts}")
        for line in about:
            _check_line(line, hostile)
        failed = sum("error" in line for line in about)
        return "decoded" if not failed else "refused" if failed == len(about) else "partly"

    def _bundle(self, hostile: Path) -> str:
        try:
            reconstructor = load(hostile, 1, "onnxruntime", allow_unverified=True)
            reconstructor(decode_image(self.good))
        except EdgeNtError as error:
            if str(hostile) not in str(error):
                raise BrokenPromiseError(f"no name of the bundle in: {error}") from error
            return "refused"
        return "decoded"

    def _ledger(self, hostile: Path) -> str:
        place = FilePlace(Path("/scans/39.dcm"), 1039, 10**18 + 39)
        try:
            for _ in range(2):
                # Every line begins a file of its own, so that the list of what is done is written as well.
                with ResultLog(hostile, None, LogLimits(segment_bytes=1)) as log:
                    known, number = log.done(place), log.count
                    self._go_on(log)
                    if log.count <= number:
                        raise BrokenPromiseError(f"frame {number} is followed by {log.count}")
        except EdgeNtError as error:
            if str(hostile) not in str(error):
                raise BrokenPromiseError(f"no name of the folder in: {error}") from error
            return "refused"
        return "decoded" if known else "partly"

    def _go_on(self, log: ResultLog) -> None:
        counts = LiveRun(self.crew, FileSource([self.good]), (), log).run().counts
        if counts.done != 1 or counts.write_errors:
            raise BrokenPromiseError(f"the next frame is not written: {counts}")

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        folder = self.work / "out"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _archive(hostile: Path) -> str:
    try:
        read_archive(hostile)
    except EdgeNtError as error:
        if str(hostile) not in str(error):
            raise BrokenPromiseError(f"no name of the archive in: {error}") from error
        return "refused"
    return "decoded"


def open_doors(bundle: Path, good: Path, work: Path) -> Doors:
    """Load the bundle, and check that the sound scan is one."""
    cv2.setNumThreads(1)
    crew = load_crew(bundle, jobs=1, threads=1, backend="onnxruntime")
    crew[0](decode_image(good))
    return Doors(crew, good, work)


def _check_line(line: dict, hostile: Path) -> None:
    name = str(hostile)
    if line["file"] != name and not line["file"].startswith(f"{name}#"):
        raise BrokenPromiseError(f"a line about {line['file']}")
    error = line.get("error", "")
    if "report this as a defect" in error:
        raise BrokenPromiseError(f"an exception nobody foresaw: {error}")
    if "error" in line and not (name in error and error.startswith("Expected ") and " Fix: " in error):
        raise BrokenPromiseError(f"an error that does not say what and where: {error}")


def _misbehave(how: str, hostile: Path) -> str:
    """What no file should be able to do, done on purpose, so that a test sees it found."""
    if how == "crash":
        faulthandler._sigsegv()
    if how == "hang":
        _sleep()
    name = str(hostile)
    if how == "raise":
        _check_line({"file": name, "error": str(as_frame_error(ValueError("a decoder's own"), name))}, hostile)
    _check_line({"file": "another"}, hostile)
    return "decoded"


def _sleep() -> None:
    time.sleep(600)
