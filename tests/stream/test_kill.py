"""Killed with SIGKILL again and again, a service around a watched folder does every file exactly once.

EDGE_NT_KILL_FILES and EDGE_NT_KILLS make it as long as wanted: 500 files and 12 kills are the long form.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import block_bundle
import cv2
import pytest
import watching_service

from edge_nt.imaging.container import read_container

FILES = int(os.environ.get("EDGE_NT_KILL_FILES", "60"))
KILLS = int(os.environ.get("EDGE_NT_KILLS", "3"))
BROKEN = 7


def fill(inbox: Path, seconds: float) -> None:
    """Files as they arrive: in folders, some by their name at once, others growing under it, one in seven broken."""
    contents = [cv2.imencode(".png", block_bundle.scan(seed))[1].tobytes() for seed in range(5)]
    for number in range(FILES):
        path = inbox / f"{number % 3}" / f"{number:04d}.png"
        path.parent.mkdir(exist_ok=True)
        content = contents[number % 5][: -30 if number % BROKEN == 0 else None]
        if number % 2:
            path.with_suffix(".part").write_bytes(content)
            path.with_suffix(".part").rename(path)
        else:
            with path.open("wb", buffering=0) as file:
                file.write(content[: len(content) // 2])
                time.sleep(seconds / FILES)
                file.write(content[len(content) // 2 :])


def lines_of(out: Path) -> list[dict]:
    """Whole lines so far, rotated ones first; a file may be renamed while it is looked for."""
    found: dict[int, dict] = {}
    for file in [*out.glob("results-*.jsonl"), out / "results.jsonl"]:
        try:
            text = file.read_text()
        except FileNotFoundError:
            continue
        for line in text[: text.rfind("\n") + 1].splitlines():
            content = json.loads(line)
            found[content["number"]] = content
    return [found[number] for number in sorted(found)]


def wait_for_lines(out: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + 60
    while len(lines_of(out)) < count:
        assert process.poll() is None
        assert time.monotonic() < until_s
        time.sleep(0.005)


def start(bundle: Path, inbox: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, watching_service.__file__, str(bundle), str(inbox), str(out)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})


@pytest.mark.parametrize("seed", [int(os.environ.get("EDGE_NT_KILL_SEED", "0"))])
def test_every_file_is_done_exactly_once_however_often_the_service_is_killed(
    bundle_folder: Path, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    inbox, out = tmp_path / "inbox", tmp_path / "out"
    inbox.mkdir()
    out.mkdir()
    writer = threading.Thread(target=fill, args=(inbox, 1.0 + KILLS / 2))
    writer.start()
    for kill in range(KILLS):
        process = start(bundle_folder, inbox, out)
        if kill % 4 == 3:
            time.sleep(chance.uniform(0.2, 2.0))  # Wherever it is, its start included.
        else:
            least = len(lines_of(out)) + chance.randint(1, max(1, FILES // (KILLS + 2)))
            wait_for_lines(out, min(least, FILES), process)
            time.sleep(chance.uniform(0, 0.03))
        process.kill()
        process.wait()
    writer.join()
    process = start(bundle_folder, inbox, out)
    wait_for_lines(out, FILES, process)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    check(inbox, out)
    shutil.rmtree(out)


def check(inbox: Path, out: Path) -> None:
    written = [line for file in out.glob("results*.jsonl") for line in map(json.loads, file.read_text().splitlines())]
    assert Counter(line["file"] for line in written) == Counter(str(path) for path in inbox.rglob("*.png"))
    assert sorted(line["number"] for line in written) == list(range(FILES))
    broken = {line["file"] for line in written if "error" in line}
    assert {int(Path(name).stem) for name in broken} == set(range(0, FILES, BROKEN))
    pictures = {str(path.relative_to(out)) for path in (out / "reconstructions").rglob("*") if path.is_file()}
    assert pictures == {line["reconstruction"] for line in written if "error" not in line}
    for picture in pictures:
        container = read_container((out / picture).read_bytes())
        assert (container.height, container.width) == (block_bundle.HEIGHT, block_bundle.WIDTH)
