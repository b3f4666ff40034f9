"""The HTTP server: waitress on one address, in a thread of its own that ends when it is told to."""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Event, Thread
from types import TracebackType
from typing import Any

from edge_nt.errors import InputError, MissingDependencyError

try:
    from waitress import wasyncore
    from waitress.server import create_server
except ImportError as error:
    raise MissingDependencyError(
        expected="the package waitress, for HTTP", got=str(error), fix="pip install 'edge-nt[cart]'"
    ) from error

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# A page has one connection a picture; this is room for a few of them beside scrapers and probes.
_THREADS = 4
_CONNECTIONS = 64
_IDLE_CONNECTION_S = 30
# Nobody has anything to send here but the head of a request.
_LARGEST_HEAD_BYTES = 16_384
_LARGEST_BODY_BYTES = 1
_TURN_S = 0.2


@dataclass(frozen=True)
class Address:
    """Where to listen: an IP address and a port, 0 for any free one."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        """As in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, *, expose: bool) -> Address:
    """``127.0.0.1:8765``, ``[::1]:8765`` or ``localhost:8765``.

    Raises: InputError for anything else, and, unless told to `expose`, for one that other machines can reach.
    """
    host, _, port = text.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(host)
        valid = port.isascii() and port.isdecimal() and int(port) <= 65535
    except ValueError:
        valid = False
    if not valid:
        raise InputError(
            expected="an IP address and a port as --listen", got=repr(text), fix="write, for example, 127.0.0.1:8765"
        )
    address = Address(host, int(port))
    if not address.loopback and not expose:
        raise InputError(
            expected="a loopback address as --listen, since nothing here asks who is calling",
            got=text,
            fix="listen on 127.0.0.1 behind an ssh tunnel or a reverse proxy that asks, or pass --expose",
        )
    return address


class HttpServer:
    """Serves `app` between being entered and left. Raises: InputError when the address cannot be had.

    MissingDependencyError where no interface has it, or not yet.
    """

    def __init__(self, app: WsgiApp, address: Address) -> None:
        self._sockets: dict[int, Any] = {}
        self._server = _bound(app, address, self._sockets)
        self.address = Address(address.host, int(self._server.effective_port))
        self._stopping = Event()
        self._thread = Thread(target=self._serve, name="http", daemon=True)

    def __enter__(self) -> HttpServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.pull_trigger()
        self._thread.join(timeout=2 * _TURN_S)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            wasyncore.loop(timeout=_TURN_S, use_poll=True, map=self._sockets, count=1)
        self._server.task_dispatcher.shutdown(timeout=_TURN_S)
        wasyncore.close_all(self._sockets, ignore_all=True)


def _bound(app: WsgiApp, address: Address, sockets: dict[int, Any]) -> Any:
    """A server that has the address, its sockets in `sockets`. Raises: as `HttpServer`."""
    try:
        return create_server(
            app,
            map=sockets,
            listen=str(address),
            threads=_THREADS,
            connection_limit=_CONNECTIONS,
            channel_timeout=_IDLE_CONNECTION_S,
            max_request_header_size=_LARGEST_HEAD_BYTES,
            max_request_body_size=_LARGEST_BODY_BYTES,
            asyncore_use_poll=True,
            clear_untrusted_proxy_headers=True,
            ident=None,
        )
    except (ValueError, OSError) as error:
        raise _unbound(address, error) from error


def _unbound(address: Address, error: ValueError | OSError) -> InputError | MissingDependencyError:
    got = getattr(error, "strerror", None) or str(error)
    if isinstance(error, ValueError):
        return InputError(
            expected="an address of this machine as --listen", got=f"{address}: {got}", fix="choose another --listen"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        # At start-up of a machine an interface may still be without it: a service is to be started again.
        return MissingDependencyError(
            expected=f"an interface of this machine with the address {address.host}",
            got=got,
            fix="wait for the network, or choose another --listen",
        )
    return InputError(
        expected=f"the address {address} to be free and ours",
        got=got,
        fix="stop what listens there (another edge-nt serve?), or choose another --listen",
    )
