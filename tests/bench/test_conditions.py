import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_nt.bench.conditions import Mark, busy_warnings, mark, others_cores


def test_own_work_is_not_that_of_others() -> None:
    start = mark()
    stop = time.process_time() + 0.5  # of work, however long a busy machine takes for it
    while time.process_time() < stop:
        pass
    end = mark()
    assert end.process_s - start.process_s > 0.4
    elapsed_s = end.clock_s - start.clock_s
    busy = others_cores(start, end)
    # What the whole machine did, less our own half second; the clocks of both count in hundredths.
    assert busy is None or busy < (end.machine_s - start.machine_s - 0.4) / elapsed_s + 0.1


def test_a_childs_work_is_own_work() -> None:
    start = mark()
    subprocess.run([sys.executable, "-c", "sum(range(10**7))"], check=True)
    assert mark().process_s - start.process_s > 0.05


def test_others_are_what_the_machine_did_beyond_us(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 10 20 5000 300 1 2 3 50 0\ncpu0 1 2 3\n")
    machine_s = mark(tmp_path).machine_s
    assert machine_s == pytest.approx(1.36)
    start = Mark(10.0, machine_s, 3.0, 0.1)
    end = Mark(20.0, machine_s + 9.0, 7.0, 0.1)
    assert others_cores(start, end) == pytest.approx(0.5)
    assert "0.50 of 2 cores" in busy_warnings(start, end, 2)[0]
    assert busy_warnings(start, Mark(20.0, machine_s + 4.5, 7.0, 0.1), 2) == ()


@pytest.mark.parametrize("content", ["", "cpu 1 2", "intr 1 2 3 4 5 6 7 8", "cpu a b c d e f g h"])
def test_without_core_seconds_the_load_speaks(tmp_path: Path, content: str) -> None:
    (tmp_path / "stat").write_text(content)
    assert mark(tmp_path).machine_s is None
    quiet, busy = Mark(0.0, None, 0.0, 0.2), Mark(0.0, None, 0.0, 1.5)
    end = Mark(5.0, None, 1.0, 1.0)
    assert others_cores(quiet, end) is None
    assert busy_warnings(quiet, end, 2) == ()
    assert "load 1.5" in busy_warnings(busy, end, 2)[0]
