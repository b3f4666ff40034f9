"""A service around a watched folder, as a program that may be killed at any moment; ends on SIGTERM."""

import signal
import sys
from pathlib import Path

from edge_nt.runtime.crew import load_crew
from edge_nt.sinks.log_segments import LogLimits
from edge_nt.sinks.pictures import Pictures
from edge_nt.sinks.result_log import ResultLog
from edge_nt.sources.watched_folder import WatchedFolder, WatchSettings
from edge_nt.stream.file_guard import FileGuard
from edge_nt.stream.live_run import LiveRun


def main(bundle_folder: Path, inbox: Path, out: Path) -> None:
    """Every file of `inbox` once into `out`; small files of lines, so that they are rotated often."""
    crew = load_crew(bundle_folder, jobs=2, threads=1, backend="onnxruntime")
    log, guard = ResultLog(out, None, LogLimits(segment_bytes=10_000)), FileGuard(out, len(crew))
    with log, guard, Pictures(out, live=True) as pictures:
        source = WatchedFolder(inbox, log.done, WatchSettings(settle_s=0.05, give_up_s=2.0), guard=guard.opening)
        live = LiveRun(crew, source, [pictures], log, guard=guard.computing)
        signal.signal(signal.SIGTERM, lambda *_: live.stop())
        live.run()


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
