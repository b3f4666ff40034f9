"""A file of lines on a disk that does not take one."""

import errno
import json
from pathlib import Path

import pytest

from edge_nt.sinks import line_file
from edge_nt.sinks.line_file import LineFile


def test_a_line_that_the_disk_did_not_take_is_absent_and_its_number_goes_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []

    def over_quota_once(handle: int) -> None:
        synced.append(handle)
        if len(synced) == 2:
            raise OSError(errno.EDQUOT, "over quota")

    with LineFile(tmp_path / "lines.jsonl", sync_every_s=0.0) as lines:
        monkeypatch.setattr(line_file.os, "fsync", over_quota_once)
        lines.write({"number": 0})
        with pytest.raises(OSError, match="over quota"):
            lines.write({"number": 1, "name": "first"})
        lines.write({"number": 1, "name": "second"})
    written = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines()]
    assert written == [{"number": 0}, {"number": 1, "name": "second"}]
