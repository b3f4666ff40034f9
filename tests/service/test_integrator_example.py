"""The example of docs/serve.md, run as it stands there."""

import json
import re
import time
from functools import partial
from pathlib import Path

import block_bundle
import numpy as np

_DOCUMENT = Path(__file__).parents[2] / "docs" / "serve.md"


class Device:
    """As the software kit of a frame grabber would be, until it has no more frames."""

    def __init__(self, source_of) -> None:
        self._left = [block_bundle.scan(seed) for seed in range(600, 606)]
        self._source_of = source_of

    def next_frame(self) -> tuple[np.ndarray, float]:
        time.sleep(0.05)
        pixels = self._left.pop()
        if not self._left:
            self._source_of().stop()
        return pixels, time.time()


def test_the_example_for_integrators_runs(bundle_folder: Path, tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", _DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)[1]
    names: dict = {}
    exec(compile(code, "docs/serve.md", "exec"), names)
    made: list = []

    class Grabber(names["Grabber"]):
        def __init__(self, device) -> None:
            super().__init__(device)
            made.append(self)

    names["Grabber"] = Grabber
    # Without measuring which backend is fastest.
    names["load_crew"] = partial(names["load_crew"], threads=1, backend="onnxruntime")
    seen: list = []
    folder = tmp_path / "out"
    folder.mkdir()
    device = Device(lambda: made[0])
    summary = names["run"](bundle_folder, device, folder, lambda frame, state: seen.append((frame, state.state)))
    assert summary.counts.done == len(seen) == len((folder / "results.jsonl").read_text().splitlines()) == 6
    assert {state for _, state in seen} == {"ok"}
    assert json.loads((folder / "results.jsonl").read_text().splitlines()[0])["ood_state"] == "ok"
