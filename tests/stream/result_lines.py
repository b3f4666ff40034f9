"""The lines of results in a folder."""

import json
from pathlib import Path


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
