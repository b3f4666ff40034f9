"""The status page in a real headless Chromium, over a real `edge-nt serve` on a replay."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import block_bundle
import pytest
from serve_process import ServeProcess, serve_process, write_recording

playwright = pytest.importorskip("playwright.sync_api")
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="no Chromium here")
_POINTS = "[...document.querySelectorAll('#ood-trace polyline')].reduce((sum, each) => sum + each.points.length, 0)"
_HOSTILE = "<img src=x onerror=document.title='owned'>&amp;.png"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_recording(tmp_path_factory.mktemp("page") / "recording")
    for index, path in enumerate(sorted(folder.iterdir())):
        # Every second one, so that the page shows one sooner or later.
        if index % 2:
            path.rename(path.with_name(f"{path.stem}{_HOSTILE}"))
    return folder


@pytest.fixture(scope="module")
def served(recording: Path) -> Iterator[ServeProcess]:
    """One process for all tests; the last one kills it."""
    bundle = block_bundle.write(recording.parent / "bundle")
    with serve_process(bundle, f"replay:{recording}?fps=30&rounds=forever", recording.parent / "out") as process:
        yield process


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        chromium = driver.chromium.launch(executable_path=_CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


def _until(page, holds: Callable[[], bool], seconds: float = 8.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited in vain; the page says {page.inner_text('body')}"
        page.wait_for_timeout(50)


def _count(page, name: str) -> int:
    return int(page.locator(f"#counts dt:text-is('{name}') + dd").inner_text().split()[0])


def test_a_rectangle_can_be_drawn_typed_kept_and_cleared(browser, served: ServeProcess) -> None:
    page = browser.new_page(viewport={"width": 1024, "height": 600})
    page.goto(f"http://127.0.0.1:{served.port}/")
    page.locator("#scan").wait_for(state="visible")
    _until(page, lambda: page.inner_text("#region-of") in ("Sector of the display", "Whole frame"))
    box = page.locator("#scan-box").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 3 / 4)
    page.mouse.up()
    _until(page, lambda: page.inner_text("#region-of") == "Rectangle")
    edges = [int(page.input_value(f"input[name={name}]")) for name in ("top", "left", "bottom", "right")]
    assert edges == pytest.approx([96, 64, 144, 128], abs=2)
    assert page.locator(".rectangle").count() == 3

    # By keyboard, and again after the page was loaded anew.
    page.fill("input[name=top]", "10")
    page.press("input[name=top]", "Enter")
    page.reload()
    _until(page, lambda: page.inner_text("#region-of") == "Rectangle")
    assert page.input_value("input[name=top]") == "10"
    page.click("#region-clear")
    _until(page, lambda: page.inner_text("#region-of") != "Rectangle")
    assert page.locator(".rectangle").count() == 0
    page.close()


def test_the_page_fits_a_phone(browser, served: ServeProcess) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page.goto(f"http://127.0.0.1:{served.port}/")
    page.locator("#error").wait_for(state="visible")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def test_pictures_that_never_come_or_have_gone_by_leave_nothing_that_looks_fresh(browser, served: ServeProcess) -> None:
    page = browser.new_page(viewport={"width": 1024, "height": 600})
    page.goto(f"http://127.0.0.1:{served.port}/")
    _until(page, lambda: page.inner_text("#service") == "ready" and page.is_visible("#scan"))
    page.route("**/scan.png*", lambda route: route.fulfill(status=404))
    _until(page, lambda: " s old" in page.inner_text("#scan-box .age"))
    assert page.inner_text("#service") == "ready"
    # Nor does a trace go on through a time of which nothing is known, or back in time.
    assert page.evaluate("stretches([0, 1, 9, 8].map((at_s) => ({ at_s }))).map((each) => each.length)") == [2, 1, 1]
    page.unroute("**/scan.png*")
    _until(page, lambda: page.inner_text("#scan-box .age") == "")
    # Answered never, as by a cart whose cable was pulled out just now.
    page.route("**/scan.png*", lambda route: None)
    _until(page, lambda: "has not answered since" in page.inner_text("#gone"))
    assert page.inner_text("#ood") == "OOD state unknown"
    page.close()


def test_the_page_shows_the_stream_and_says_when_it_is_gone(browser, served: ServeProcess) -> None:
    page = browser.new_page(viewport={"width": 1024, "height": 600})
    complaints, hosts = [], set()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(f"http://127.0.0.1:{served.port}/")

    _until(page, lambda: page.inner_text("#service") == "ready")
    for picture in ("scan", "reconstruction", "error"):
        page.locator(f"#{picture}").wait_for(state="visible")
        assert page.evaluate(f"document.getElementById('{picture}').naturalWidth") == 256
    shown = page.get_attribute("#scan", "src")
    _until(page, lambda: page.get_attribute("#scan", "src") != shown)
    assert "Research use only" in page.inner_text("header")
    # Scores of the tests' bundle say nothing about patients.
    assert "SYNTHETIC model" in page.inner_text("header")
    # A single frame above the threshold is not yet the state of that name.
    assert page.locator("#counts dt:text-is('out of distribution')").count() == 0
    # Everything a person acts on fits on a cart's screen without scrolling sideways.
    assert page.evaluate("document.documentElement.scrollWidth") <= 1024

    _until(page, lambda: page.inner_text("#ood") == "OOD state: ok")
    points = page.evaluate(_POINTS)
    _until(page, lambda: page.inner_text("#ood").startswith("OOD state: out of distribution: "))
    assert page.evaluate(_POINTS) > points
    _until(page, lambda: page.inner_text("#ood") == "OOD state: ok")
    assert page.locator("#ood-trace rect.out").count() >= 1

    before = served.metrics()["edge_nt_frames_done_total"]
    _until(page, lambda: _count(page, "done") >= before)
    assert _count(page, "done") <= served.metrics()["edge_nt_frames_done_total"]
    assert _count(page, "failed") == 0

    _until(page, lambda: _HOSTILE in page.inner_text("#frame-name"))
    assert page.title() == "edge-nt"
    assert page.locator("img[src='x']").count() == 0

    assert complaints == []
    assert hosts - {""} == {f"127.0.0.1:{served.port}"}

    served.process.kill()
    _until(page, lambda: "has not answered since" in page.inner_text("#gone"))
    assert "stale" in page.get_attribute("body", "class")
    assert page.inner_text("#ood") == "OOD state unknown"
    _until(page, lambda: " s old" in page.inner_text("#scan-box .age"))
    page.close()
