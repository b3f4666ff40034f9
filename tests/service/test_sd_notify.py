import os
import socket
from pathlib import Path

import pytest

from edge_nt.service.sd_notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path):
    """A socket that listens as systemd does, with the name that it hands to its services."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@edge-nt-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0"))
        listener.settimeout(2)
        yield listener, name


def test_the_manager_hears_every_word(manager: tuple[socket.socket, str]) -> None:
    listener, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready()
    notifier.status("12 frames\nREADY=0 is not a line of its own")
    notifier.alive()
    notifier.stopping()
    heard = [listener.recv(1000).decode() for _ in range(4)]
    assert heard == ["READY=1", "STATUS=12 frames READY=0 is not a line of its own", "WATCHDOG=1", "STOPPING=1"]


@pytest.mark.parametrize("name", ["", "vsock:2:1234", "relative"])
def test_without_a_manager_nothing_is_said(name: str, caplog: pytest.LogCaptureFixture) -> None:
    Notifier({"NOTIFY_SOCKET": name} if name else {}).ready()
    assert not caplog.records


def test_a_manager_that_went_away_is_a_warning_and_no_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    assert "could not be told READY" in caplog.text


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_that_of_this_process(environment: dict[str, str], expected: float | None) -> None:
    assert Notifier(environment).watchdog_s == expected
