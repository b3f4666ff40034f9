"""The page in headless Chromium, with every host name unknown to it; skipped where there is no Chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from small_study import Written

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND"),
    *("--enable-logging=stderr", "--virtual-time-budget=2000"),
)
# Written into a copy: what a reader would have to scroll sideways for, and what lies outside the window.
PROBE = """<script>
const width = document.documentElement.clientWidth;
const isOutside = (each) => each.getBoundingClientRect().right > width + 1;
const outside = [...document.querySelectorAll("body *")].filter(isOutside);
document.body.dataset.probe = [width, document.documentElement.scrollWidth, outside.length,
  outside.length ? outside[0].outerHTML.slice(0, 80) : "", document.images.length,
  [...document.images].filter((each) => each.naturalWidth === 0).length].join("|");
</script></body>"""


def _chromium(page: Path, profile: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", *flags, "--dump-dom", page.as_uri()]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)


def _console(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_nothing_is_asked_of_the_network_and_the_console_is_empty(written: Written, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(written.page, encoding="utf-8")
    done = _chromium(page, tmp_path / "profile")
    assert "</footer>" in done.stdout
    assert _console(done) == []
    # The same look at a page that does ask.
    page.write_text(written.page.replace("<main>", '<main><img src="http://example.invalid/x.png">'), encoding="utf-8")
    assert _console(_chromium(page, tmp_path / "profile"))


@pytest.mark.parametrize("width_px", [1280, 800])
def test_nobody_scrolls_sideways_and_every_picture_shows(written: Written, tmp_path: Path, width_px: int) -> None:
    page = tmp_path / "report.html"
    # The page's own policy would keep the probe from running.
    allowed, policies = re.subn('<meta http-equiv="Content-Security-Policy"[^>]*>', "", written.page)
    assert policies == 1
    page.write_text(allowed.replace("</body>", PROBE), encoding="utf-8")
    done = _chromium(page, tmp_path / "profile", f"--window-size={width_px},900")
    width, scroll_width, outside, first, images, broken = re.search(  # type: ignore[union-attr]
        r'data-probe="([^"]*)"', done.stdout
    )[1].split("|")
    assert width_px - 20 <= int(width) <= width_px
    assert int(scroll_width) <= int(width)
    assert (int(outside), first) == (0, "")
    assert (int(images), int(broken)) == (14, 0)
