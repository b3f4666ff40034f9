"""What the service answers, through a real socket."""

import json
import os
import socket
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path

import block_bundle
import cv2
import numpy as np
import pytest
from hand_fed_service import Running, serving, until

from edge_nt.service.page_pictures import ERROR_SCALE_LEVELS, error_map

PAGE_PATHS = ("/", "/page.js", "/page.css", "/icon.svg", "/state.json", "/scan.png", "/error-scale.png")
PATHS = ("/live", "/ready", "/metrics", *PAGE_PATHS)


def _picture(body: bytes, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(body, np.uint8), flags)


def test_it_is_alive_at_once_and_ready_once_warm(bundle_folder: Path, tmp_path: Path) -> None:
    with serving(bundle_folder, tmp_path / "out") as running:
        assert running.request("/live")[0].status == 200
        response, body = running.request("/ready")
        assert (response.status, body) == (503, b"warming up\n")
        running.service.warm_up()
        assert running.request("/ready")[0].status == 503
        running.start()
        until(lambda: running.request("/ready")[0].status == 200)
        running.service.stop()
        assert running.request("/ready")[1] == b"stopping\n"


def test_a_live_source_that_falls_silent_makes_it_unready_until_a_frame_comes(
    bundle_folder: Path, tmp_path: Path, scans: list[np.ndarray]
) -> None:
    with serving(bundle_folder, tmp_path / "out", stalled_after_s=0.3) as running:
        running.start()
        running.feed(scans[0])
        assert running.request("/ready")[0].status == 200
        until(lambda: running.request("/ready")[0].status == 503)
        assert b"no frame for" in running.request("/ready")[1]
        assert running.state()["now"]["not_ready"].startswith("no frame for")
        running.feed(scans[1])
        assert running.request("/ready")[0].status == 200


def test_every_answer_may_neither_be_stored_nor_embedded_nor_scripted(
    running: Running, scans: list[np.ndarray]
) -> None:
    running.feed(scans[0])
    for path in PATHS:
        response, body = running.request(path)
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Server" not in response.headers
        head, empty = running.request(path, "HEAD")
        assert (head.status, empty) == (200, b"")
        if path not in ("/metrics", "/state.json"):
            assert head.headers["Content-Length"] == str(len(body))


def test_it_is_read_only(running: Running) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        response, _ = running.request("/state.json", method)
        assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")


def test_a_name_that_is_not_ours_is_answered_nothing(bundle_folder: Path, tmp_path: Path) -> None:
    ours = ("127.0.0.1", "127.0.0.1:9", "[::1]:8765", "192.168.0.7", "localhost", "LOCALHOST.:8765", "cart.example")
    others = ("attacker.example", "127.0.0.1.attacker.example", "localhost.attacker.example:8765", "")
    with serving(bundle_folder, tmp_path / "out", host_names=["cart.example"]) as running:
        for host in (*ours, *others):
            status = running.request("/live", headers={"Host": host})[0].status
            assert status == (200 if host in ours else 421), host


def test_requests_that_are_none_leave_it_as_it_was(running: Running, scans: list[np.ndarray]) -> None:
    running.feed(scans[0])
    for raw in (
        b"\0\xff\x16\x03\x01",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 40_000,
        b"POST / HTTP/1.1\r\nContent-",
    ):
        # It may hang up before it has read all of that; shutting down what has hung up is a plain OSError.
        with suppress(OSError), socket.create_connection(("127.0.0.1", running.port), timeout=5) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    for path in ("/../etc/passwd", "/%2e%2e/page.js", "/page", "/state.json/"):
        assert running.request(path)[0].status == 404
    for query in ("?after=" + "9" * 6000, "?after=-1", "?after=٣", "?region=nan,1,2,3", "?region=0,0,0,0", "?region=a"):
        assert running.request(f"/state.json{query.replace('٣', '%D9%A3')}")[0].status == 200
    assert running.request("/scan.png?frame=x")[0].status == 400
    assert running.request("/scan.png?frame=99")[0].status == 404
    assert running.request("/state.json?" + "&".join("abcdefghijklmnop") + "=1" * 9)[0].status == 400
    assert running.request("/ready")[0].status == 200


def test_without_a_page_no_scan_and_no_name_leaves_the_service(
    bundle_folder: Path, tmp_path: Path, scans: list[np.ndarray]
) -> None:
    with serving(bundle_folder, tmp_path / "out", page=False) as running:
        running.start()
        running.feed(scans[0], name="Doe^Jane.png")
        assert {path: running.request(path)[0].status for path in PAGE_PATHS} == dict.fromkeys(PAGE_PATHS, 404)
        assert all(running.request(path)[0].status == 200 for path in ("/live", "/ready", "/metrics"))
        assert b"Doe" not in running.request("/metrics")[1]


def test_the_pictures_are_those_of_one_frame(running: Running, scans: list[np.ndarray]) -> None:
    assert running.request("/scan.png")[0].status == 404
    running.feed(scans[0])
    number = running.state()["shown"]["number"]
    running.feed(*scans[1:4])
    answers: dict[str, tuple[HTTPResponse, bytes]] = {
        kind: running.request(f"/{kind}.png?frame={number}") for kind in ("scan", "reconstruction", "error")
    }
    assert {answer[0].headers["X-Edge-NT-Frame"] for answer in answers.values()} == {"1"}
    assert np.array_equal(_picture(answers["scan"][1]), scans[0])
    result = running.service.recent.newest.finished.result
    assert _picture(answers["reconstruction"][1]).shape == scans[0].shape
    until(lambda: running.state()["shown"]["number"] == 4)
    shown = _picture(running.request("/error.png?frame=4")[1])
    assert np.array_equal(shown, error_map(result))


def test_a_picture_larger_than_a_screen_needs_is_made_smaller(running: Running) -> None:
    running.feed(block_bundle.scan(1, 960, 1280))
    assert _picture(running.request("/scan.png")[1]).shape == (480, 640)


def test_the_scale_of_errors_is_the_one_the_page_names(running: Running) -> None:
    page = running.request("/")[1].decode()
    assert f"{ERROR_SCALE_LEVELS}+ of 255 grey" in page
    scale = _picture(running.request("/error-scale.png")[1], cv2.IMREAD_COLOR)
    assert scale.shape == (1, 256, 3)
    # Brighter with every step, so that it can be read without colours.
    assert np.all(np.diff(cv2.cvtColor(scale, cv2.COLOR_BGR2GRAY)[0].astype(int)) >= -1)


def test_a_rectangle_has_the_figures_of_an_evaluation(running: Running, scans: list[np.ndarray]) -> None:
    running.feed(scans[0])
    whole = running.state()["region"]
    result = running.service.recent.newest.finished.result
    errors = np.abs(result.network_input / 255 - result.network_output)
    assert whole["of"] in ("sector", "frame")
    # 240 x 320 becomes 192 x 256: a rectangle of multiples of 5 has whole pixels there.
    region = running.state("?region=50,100,100,200")["region"]
    inside = errors[40:80, 80:160]
    assert region["of"] == "rectangle"
    assert region["pixels"] == inside.size
    assert region["mae"] == pytest.approx(inside.mean(), abs=1e-6)
    assert region["largest"] == pytest.approx(inside.max(), abs=1e-6)
    assert region["edge_mae"] > 0
    beside = running.state("?region=500,500,600,600")
    assert beside["region"] is None
    assert "overlaps the frame of 240x320" in beside["region_error"]


def test_the_trace_goes_on_after_what_the_page_has(running: Running, scans: list[np.ndarray]) -> None:
    running.feed(*scans[:5])
    assert [point["number"] for point in running.state()["trace"]] == [1, 2, 3, 4, 5]
    newest = running.state("?after=3")["trace"]
    assert [point["number"] for point in newest] == [4, 5]
    assert newest[-1]["score"] == running.service.recent.newest.finished.result.ood_score
    assert 0 < newest[-1]["latency_ms"] < 5000


def test_a_hostile_name_is_one_string_in_the_state(running: Running, scans: list[np.ndarray]) -> None:
    name = '</script><img src=x onerror=alert(1)>"\n\\.png'
    running.feed(scans[0], name=name)
    assert json.loads(running.request("/state.json")[1])["shown"]["name"] == name


def test_a_name_that_is_no_text_is_escaped_in_the_state(running: Running, scans: list[np.ndarray]) -> None:
    running.feed(scans[0], name=os.fsdecode(b"M\xfcller.png"))  # Latin-1, from an old scanner
    assert json.loads(running.request("/state.json")[1])["shown"]["name"] == "M\\udcfcller.png"
