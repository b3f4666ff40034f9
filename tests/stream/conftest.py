"""The crew of live runs, and the scans of runs over files."""

from pathlib import Path

import block_bundle
import cv2
import pytest
from threaded_run import Crew

from edge_nt.runtime.crew import load_crew


@pytest.fixture
def crew(bundle_folder: Path) -> Crew:
    return load_crew(bundle_folder, jobs=2, threads=1, backend="onnxruntime")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    for name in ("a/1.png", "b/1.png", "c.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), block_bundle.scan(len(name) + ord(name[0]), 240, 320))
    return folder
