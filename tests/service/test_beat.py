"""What systemd hears from time to time, through a real socket."""

import os
import socket
from collections.abc import Iterator

import pytest

from edge_nt.service.beat import Beat
from edge_nt.service.pulse import Pulse
from edge_nt.service.sd_notify import Notifier
from edge_nt.stream.live_run import StreamCounts


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _counts(under_way: int = 0, dropped: int = 0) -> StreamCounts:
    return StreamCounts(10 + dropped, 10, dropped, 0, 10 - under_way, 0, under_way, 0)


@pytest.fixture
def systemd() -> Iterator[tuple[socket.socket, Notifier]]:
    name = f"edge-nt-beat-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name)
        listener.setblocking(False)
        yield listener, Notifier({"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "30000000"})


def _heard(listener: socket.socket) -> list[str]:
    heard = []
    try:
        while True:
            heard.append(listener.recv(1000).decode())
    except BlockingIOError:
        return heard


def test_the_watchdog_is_fed_while_idle_and_while_frames_fail_but_not_while_they_hang(
    systemd: tuple[socket.socket, Notifier],
) -> None:
    listener, notifier = systemd
    clock, counts = Clock(), _counts()
    pulse = Pulse(live=True, stalled_after_s=5, clock=clock)
    beat = Beat(notifier, pulse, lambda: counts, clock)
    pulse.start()
    clock.now_s = 20
    beat(stopping=False)
    # A source that is silent for 20 s is not the service's fault, and says so.
    assert _heard(listener) == ["STATUS=10 frames, 0 dropped, 0 failed; no frame for 20 s", "WATCHDOG=1"]
    counts = _counts(under_way=1)
    clock.now_s = 21
    pulse.frame(done=False)
    beat(stopping=False)
    assert "WATCHDOG=1" in _heard(listener)
    clock.now_s = 37
    beat(stopping=False)
    said = _heard(listener)
    assert "WATCHDOG=1" not in said
    assert any(word.startswith("STATUS=9 frames") for word in said)


def test_it_tells_once_a_second_and_of_stopping_once(systemd: tuple[socket.socket, Notifier]) -> None:
    listener, notifier = systemd
    clock = Clock()
    beat = Beat(notifier, Pulse(live=True, stalled_after_s=5, clock=clock), _counts, clock)
    for _ in range(8):
        beat(stopping=False)
        clock.now_s += 0.25
    assert _heard(listener).count("WATCHDOG=1") == 2
    for _ in range(3):
        beat(stopping=True)
    assert _heard(listener).count("STOPPING=1") == 1


def test_drops_are_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock, dropped = Clock(), 0
    beat = Beat(Notifier({}), Pulse(live=True, stalled_after_s=5, clock=clock), lambda: _counts(dropped=dropped), clock)
    for second in range(1, 181):
        clock.now_s, dropped = second, min(2 * second, 200)
        beat(stopping=False)
    said = [record.getMessage() for record in caplog.records]
    assert [int(line.partition(" ")[0]) for line in said] == [120, 80]
