"""What the service answers over HTTP: read-only, to callers that came by an address or by a name that is ours."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

Query = Mapping[str, str]

_log = logging.getLogger(__name__)
_TEXT = "text/plain; charset=utf-8"
# Everything comes from this service; nothing may be put in by what a file is named after.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_ALWAYS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", _POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `headers` come on top of those that every answer has."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


Route = Callable[[Query, str], Answer]


def say(status: HTTPStatus, words: str, *headers: tuple[str, str]) -> Answer:
    """An answer of one line of text."""
    return Answer(status, _TEXT, f"{words}\n".encode(), headers)


class Web:
    """A WSGI application over `routes`, each a function of the query and of the Accept header.

    A page in somebody's browser may call any address that its own name resolves to (DNS rebinding), so a caller has to
    name this service by an IP address, by localhost, or by one of `host_names`.
    """

    def __init__(self, routes: Mapping[str, Route], host_names: Iterable[str] = ()) -> None:
        self._routes = dict(routes)
        self._host_names = {"localhost", *(name.lower() for name in host_names)}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        answer = self._answer(environ)
        length = ("Content-Length", str(len(answer.body)))
        headers = [("Content-Type", answer.content_type), length, *_ALWAYS, *answer.headers]
        start_response(f"{answer.status.value} {answer.status.phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        if not self._is_ours(environ.get("HTTP_HOST", "")):
            return say(HTTPStatus.MISDIRECTED_REQUEST, "This service does not go by that name; see --host-name.")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return say(HTTPStatus.METHOD_NOT_ALLOWED, "Read only.", ("Allow", "GET, HEAD"))
        route = self._routes.get(environ["PATH_INFO"])
        if route is None:
            return say(HTTPStatus.NOT_FOUND, "Nothing here.")
        try:
            values = parse_qs(environ.get("QUERY_STRING", ""), max_num_fields=10)
        except ValueError:
            return say(HTTPStatus.BAD_REQUEST, "Too many questions at once.")
        try:
            return route({name: value[-1] for name, value in values.items()}, environ.get("HTTP_ACCEPT", ""))
        except Exception:  # A defect of a page must not look like a broken connection, nor end anything else.
            _log.exception("%s could not be answered", environ["PATH_INFO"])
            return say(HTTPStatus.INTERNAL_SERVER_ERROR, "This is a defect of edge-nt; the log has more.")

    def _is_ours(self, named: str) -> bool:
        host, colon, port = named.rpartition(":")
        name = (host if colon and port.isdecimal() else named).removeprefix("[").removesuffix("]").lower()
        if name.rstrip(".") in self._host_names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True
