"""Makes docs/status-page.png anew: ``python tests/status_page_screenshot.py BUNDLE DATASET docs/status-page.png``.

On a bundle trained on phantoms and a folder of phantoms, never on scans of people: the picture stands in the docs.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright
from serve_process import serve_process

from edge_nt.datasets.dataset import read_dataset

_FPS = 30
# Long enough to see the probe on the skin, lifted, and back.
_SECONDS_EACH = (20, 4, 8)


def _recording(images: list[Path], folder: Path) -> Path:
    """One phantom after another, each for a second; then one fades to black, and the first one comes back."""
    folder.mkdir()
    index = 0
    for part, seconds in enumerate(_SECONDS_EACH):
        for frame in range(seconds * _FPS):
            image = images[0] if part == 2 else images[(index // _FPS) % len(images)]
            picture = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE)
            light = max(0.0, 1 - frame / (_FPS / 2)) if part == 1 else 1.0
            cv2.imwrite(str(folder / f"phantom-{index:05d}.png"), np.asarray(picture * light, np.uint8))
            index += 1
    return folder


def main(bundle: Path, dataset: Path, out: Path) -> None:
    images = sorted((dataset / "images").glob("phantom-[ab]-*.png"))
    box = read_dataset(dataset).boxes[f"images/{images[0].name}"][0].roi
    region = ",".join(f"{edge:.0f}" for edge in (box.h_min, box.w_min, box.h_max, box.w_max))
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        # So that no path of this machine stands on the page.
        os.chdir(name)
        recording = _recording(images, Path("phantoms"))
        arguments = ["--no-sandbox", "--disable-gpu"]
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        source = f"replay:{recording}?fps={_FPS}&rounds=forever"
        with serve_process(bundle, source, Path("out"), ["--allow-unverified"]) as served:
            page = chromium.new_page(viewport={"width": 1024, "height": 600})
            page.goto(f"http://127.0.0.1:{served.port}/#region={region}")
            page.wait_for_timeout((sum(_SECONDS_EACH) - 3) * 1000)
            page.screenshot(path="page.png")
        chromium.close()
        shot = Image.open("page.png").convert("RGB")
        # By coverage, so that a colour of few pixels, such as that of a state, stays what it is.
        shot.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3).save(out, optimize=True)


if __name__ == "__main__":
    main(*(Path(argument).absolute() for argument in sys.argv[1:]))
