"""What systemd is told of a service: its own datagram protocol (sd_notify(3)), without its library."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

_log = logging.getLogger(__name__)


class Notifier:
    """Tells the manager that started this process how it does; says nothing where no manager listens.

    `watchdog_s` is how long the manager waits for `alive` before it kills the process; None where it does not.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        named = environment.get("NOTIFY_SOCKET", "")
        # @ stands for the zero byte of Linux's abstract names; anything but those and paths (vsock) is not for us.
        self._address = "\0" + named[1:] if named.startswith("@") else named if named.startswith("/") else None
        self.watchdog_s = _watchdog_s(environment)

    def ready(self) -> None:
        """The service has started: units that wait for it may go on."""
        self._send("READY=1")

    def status(self, words: str) -> None:
        """One line that `systemctl status` shows."""
        self._send("STATUS=" + " ".join(words.split()))

    def alive(self) -> None:
        """The service works; to be said well within `watchdog_s`."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The service has begun to stop."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
                # A manager that does not read must not stop the frames.
                manager.setblocking(False)
                manager.sendto(message.encode(), self._address)
        except OSError as error:
            _log.warning("systemd could not be told %s: %s", message.partition("=")[0], error)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    text, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID")
    # Inherited from a parent whose watchdog it is, unless it names this process or none.
    if not text.isdecimal() or int(text) == 0 or process not in (None, str(os.getpid())):
        return None
    return int(text) / 1e6
