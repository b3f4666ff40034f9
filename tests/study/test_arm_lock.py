"""Two processes never have one arm, and a dead one gives it back."""

import subprocess
import sys
from pathlib import Path

from edge_nt.study.arm_lock import arm_lock

HOLD = """
import sys
from pathlib import Path
from edge_nt.study.arm_lock import arm_lock
with arm_lock(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def test_an_arm_belongs_to_one_process_until_it_dies(tmp_path: Path) -> None:
    run = tmp_path / "seed0" / "stage2"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    with arm_lock(run) as mine:
        assert not mine
    with arm_lock(run.with_name("control")) as mine:
        assert mine
    holder.kill()
    holder.communicate()
    with arm_lock(run) as mine:
        assert mine
