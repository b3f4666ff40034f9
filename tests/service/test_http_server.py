"""The address that the service listens on: what it may be, who reaches it, what is said without it."""

from pathlib import Path

import pytest
from hand_fed_service import serving, until

from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.health.scope import Scope
from edge_nt.health.service import check_service
from edge_nt.service.http_server import HttpServer, parse_address


@pytest.mark.parametrize("text", ["8765", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "host:80", "::1", ":80", ""])
def test_an_address_is_an_ip_address_and_a_port(text: str) -> None:
    with pytest.raises(InputError, match="an IP address and a port"):
        parse_address(text, expose=True)


@pytest.mark.parametrize("text", ["0.0.0.0:8765", "192.168.0.7:80", "[::]:8765"])
def test_others_reach_it_only_where_that_was_asked_for(text: str) -> None:
    with pytest.raises(InputError, match="--expose"):
        parse_address(text, expose=False)
    assert not parse_address(text, expose=True).loopback
    assert str(parse_address("localhost:80", expose=False)) == "127.0.0.1:80"
    assert str(parse_address("[::1]:80", expose=False)) == "[::1]:80"


def test_the_doctor_hears_what_serves_on_the_port_and_takes_nothing_else_for_it(
    bundle_folder: Path, tmp_path: Path
) -> None:
    def heard(port: int) -> tuple[str, str]:
        check = check_service(Scope(root=tmp_path, port=port))[-1]
        return check.status, check.seen

    with serving(bundle_folder, tmp_path / "out") as running:
        assert heard(running.port) == ("warn", "edge-nt serve answers: not ready, warming up")
        running.start()
        until(lambda: heard(running.port) == ("ok", "edge-nt serve answers: ready"))
    assert heard(running.port) == ("ok", "free on the loopback address")
    start = ("200 OK", [("Content-Length", "0")])
    with HttpServer(lambda environ, answer: answer(*start) and [], parse_address("127.0.0.1:0", expose=False)) as other:
        assert heard(other.address.port)[1].startswith("not free: ")


def test_an_address_that_no_interface_has_yet_lets_systemd_start_it_again() -> None:
    # 192.0.2.0/24 is given to nobody (RFC 5737).
    with pytest.raises(MissingDependencyError, match="wait for the network") as caught:
        HttpServer(lambda environ, start: [], parse_address("192.0.2.1:8765", expose=True))
    assert caught.value.exit_code == 3


def test_an_address_in_use_is_one_clear_error() -> None:
    with (
        HttpServer(lambda environ, start: [], parse_address("127.0.0.1:0", expose=False)) as first,
        pytest.raises(InputError, match="another edge-nt serve"),
    ):
        HttpServer(lambda environ, start: [], first.address)
