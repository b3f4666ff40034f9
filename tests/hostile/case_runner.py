"""A program that takes hostile files through the doors, one after another, saying which before it begins.

Native decoders may crash or hang, which no test survives that runs them itself. So this one is run by `campaign.py`:
what stands last in ``current`` when it dies did it.
"""

import faulthandler
import json
import os
import shutil
import sys
import time
import traceback
from pathlib import Path

from doors import open_doors
from hostile_cases import case_named, make
from seed_files import GOOD_NAME

# Of address space: a bomb that goes off takes this process, not the machine.
_ADDRESS_SPACE_BYTES = 8 << 30


def main(corpus: Path, work: Path, limit_s: float) -> None:
    """Run the cases named in ``work/cases``; one line of JSON each goes to ``work/report``."""
    import resource

    doors = open_doors(corpus / "bundle" / "fp32", corpus / GOOD_NAME, work)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE_BYTES, _ADDRESS_SPACE_BYTES))
    with (work / "report").open("a") as report, (work / "trace").open("w") as trace:
        faulthandler.enable(trace)
        for name in (work / "cases").read_text().splitlines():
            (work / "current").write_text(name)
            folder = work / "case"
            folder.mkdir()
            case = case_named(name)
            hostile = make(case, corpus, folder)
            stderr_bytes, before_mb = os.fstat(2).st_size, _restart_peak_mb()
            start, problem, outcome = time.perf_counter(), "", "broken"
            faulthandler.dump_traceback_later(limit_s, exit=True, file=trace)
            try:
                outcome = doors.through(case, hostile)
            except BaseException:
                problem = traceback.format_exc()
            faulthandler.cancel_dump_traceback_later()
            line = {
                "case": name,
                "outcome": outcome,
                "ms": (time.perf_counter() - start) * 1e3,
                "more_mb": _peak_mb() - before_mb,
                "stderr_bytes": os.fstat(2).st_size - stderr_bytes,
                "file_bytes": sum(path.stat().st_size for path in (folder.rglob("*") if folder.exists() else ())),
                "problem": problem,
            }
            report.write(json.dumps(line) + "\n")
            report.flush()
            shutil.rmtree(folder)


def _restart_peak_mb() -> float:
    # Linux forgets the highest resident memory so far when a 5 is written here.
    Path("/proc/self/clear_refs").write_text("5")
    return _peak_mb()


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
