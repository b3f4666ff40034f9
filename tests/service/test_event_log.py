import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_nt.imaging.complaints import captured_complaints
from edge_nt.service.event_log import BURST, WINDOW_S, LineFormatter, RateLimit, event_log, own_stderr

_HOSTILE = "scan\n<0>edge-nt: kernel panic\r\x1b[2J\u2028.png"


def _record(message: str, *arguments: object, level: int = logging.WARNING, line: int = 1) -> logging.LogRecord:
    return logging.LogRecord("edge_nt.test", level, "place.py", line, message, arguments, None)


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_hostile_file_name_cannot_begin_a_line_of_its_own(style: str) -> None:
    line = LineFormatter(style, journal=True).format(_record("frame failed: %s", _HOSTILE))
    assert line.startswith("<4>")
    assert line.isprintable()
    if style == "json":
        assert json.loads(line[3:])["message"] == f"frame failed: {_HOSTILE}"


@pytest.mark.parametrize(
    ("level", "priority"), [("DEBUG", 7), ("INFO", 6), ("WARNING", 4), ("ERROR", 3), ("CRITICAL", 3)]
)
def test_journald_gets_the_priorities_of_syslog(level: str, priority: int) -> None:
    line = LineFormatter("text", journal=True).format(_record("x", level=getattr(logging, level)))
    assert line == f"<{priority}>x"


def test_a_kind_of_event_is_written_a_few_times_a_minute_and_the_rest_counted() -> None:
    now = 0.0
    limit = RateLimit(clock=lambda: now)
    assert [limit.filter(_record("broken %d", each)) for each in range(1000)] == [True] * BURST + [False] * (
        1000 - BURST
    )
    assert limit.filter(_record("another kind", line=2))
    now = WINDOW_S
    again = _record("broken %d", 1000)
    assert limit.filter(again)
    assert LineFormatter("text", journal=True).format(again).endswith(f"({1000 - BURST} more like it were not logged)")
    assert json.loads(LineFormatter("json", journal=False).format(again))["left_out"] == 1000 - BURST


def test_stderr_has_a_priority_exactly_where_it_is_the_journal(capfd: pytest.CaptureFixture[str]) -> None:
    status = os.fstat(sys.stderr.fileno())
    for stream in (f"{status.st_dev}:{status.st_ino}", f"{status.st_dev}:{status.st_ino + 1}"):
        with event_log("text", {"JOURNAL_STREAM": stream}):
            logging.getLogger("edge_nt.test").info("hello")
    journal, person = capfd.readouterr().err.splitlines()
    assert journal == "<6>hello"
    assert person.endswith(" info: hello")


def test_an_event_is_heard_while_a_decoder_is_listened_to(capfd: pytest.CaptureFixture[str]) -> None:
    with own_stderr() as stderr, event_log("text", {}, stderr), captured_complaints() as lines:
        logging.getLogger("edge_nt.test").info("frame failed: expected a whole JPEG")
        os.write(2, b"libpng warning: iCCP")
    assert lines == ["libpng warning: iCCP"]
    assert capfd.readouterr().err.endswith(" info: frame failed: expected a whole JPEG\n")


def test_a_log_that_nobody_takes_does_not_change_how_the_service_ends() -> None:
    script = (
        "import logging, sys\n"
        "from edge_nt.service.event_log import event_log, own_stderr\n"
        "logging.raiseExceptions = False\n"
        "with own_stderr() as stderr, event_log('text', {}, stderr):\n"
        "    logging.getLogger('edge_nt.test').error('the source was lost')\n"
        "    sys.exit(3)\n"
    )
    with Path("/dev/full").open("w") as full:
        assert subprocess.run([sys.executable, "-c", script], stderr=full, check=False).returncode == 3
