"""Hostile files through every door: no crash, no hang, little memory; each an error with its name, and on it goes.

``EDGE_NT_HOSTILE_CASES=6000`` runs as many mutated files as that beside the built ones.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import block_bundle
import cv2
import pytest
from campaign import CaseResult, run_cases, table
from hostile_cases import PICTURES, all_cases, case_named, make
from seed_files import write_corpus

CASES = int(os.environ.get("EDGE_NT_HOSTILE_CASES", "60"))
# A case takes milliseconds on an idle core; this one is shared with whatever else the machine does.
LIMIT_S = 30.0
# The largest picture that is accepted, 64 megapixels of four 16-bit samples, takes this much; what is refused, little.
MOST_MB, MOST_REFUSED_MB = 1300, 400
# PNG is decoded without listening to libpng, which says one or two lines about a file whose checksums are right.
MOST_STDERR_BYTES = 400


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    return folder


_COMMAND = "from edge_nt.cli.app import entry_point; entry_point()"


def failures(results: Sequence[CaseResult]) -> list[str]:
    return [
        f"{result.case}: {result.outcome}, {result.more_mb:.0f} MB, {result.stderr_bytes} bytes said; {result.problem}"
        for result in results
        if result.outcome not in ("decoded", "refused", "partly")
        or result.more_mb > (MOST_REFUSED_MB if result.outcome == "refused" else MOST_MB)
        or (result.stderr_bytes > MOST_STDERR_BYTES and not result.case.startswith("bundle"))
    ]


def test_no_hostile_file_does_more_than_be_refused(corpus: Path, tmp_path: Path) -> None:
    cases = all_cases(corpus, CASES)
    results = list(run_cases([case.name for case in cases], corpus, tmp_path, LIMIT_S))
    assert [result.case for result in results] == [case.name for case in cases]
    assert not failures(results), table(results) + "\n" + "\n".join(failures(results))
    # Damage that no reader notices (junk behind the end, a flipped bit in a pixel) is no error; most of it is noticed.
    assert 0.5 < sum(result.outcome != "decoded" for result in results) / len(results) < 0.98


def test_a_crash_and_a_hang_are_found_and_named_and_cost_no_other_case(corpus: Path, tmp_path: Path) -> None:
    good = "png/gray8.png/junk_behind/0"
    names = [good, "check/crash/-/0", good, "check/hang/-/0", "check/raise/-/0", "check/lost/-/0", good]
    results = list(run_cases(names, corpus, tmp_path, 1.5))
    outcomes = ["decoded", "crashed", "decoded", "hung", "broken", "broken", "decoded"]
    assert [(result.case, result.outcome) for result in results] == list(zip(names, outcomes, strict=True))
    assert "Segmentation fault" in results[1].problem
    assert "in _sleep" in results[3].problem
    assert "nobody foresaw" in results[4].problem
    assert "a line about" in results[5].problem


def test_a_case_is_made_again_from_its_name(corpus: Path, tmp_path: Path) -> None:
    for number, case in enumerate(all_cases(corpus, 400)[::12]):
        folders = tmp_path / f"{number}a", tmp_path / f"{number}b"
        for folder in folders:
            folder.mkdir()
        first, second = (make(case_named(case.name), corpus, folder) for folder in folders)
        assert case.seed in ("pipe", "folder-inside") or _content(first) == _content(second)


def _content(path: Path) -> list[bytes]:
    return [each.read_bytes() for each in ([path] if path.is_file() else sorted(path.iterdir()))]


def test_a_run_over_a_folder_of_hostile_files_does_every_good_one(corpus: Path, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    (scans / "good").mkdir(parents=True)
    for number in range(20):
        cv2.imwrite(str(scans / "good" / f"{number:02}.png"), block_bundle.scan(number, 96, 128))
    cases = [case for case in all_cases(corpus, 700) if case.kind in PICTURES and case.mutation != "junk_behind"][:300]
    for number, case in enumerate(cases):
        (scans / f"{number:03}").mkdir()
        make(case, corpus, scans / f"{number:03}")
    (scans / "000-name").mkdir()
    Path(os.fsdecode(os.fsencode(scans) + b"/000-name/\x1b[31m\xff\n.png")).write_bytes(b"no picture")
    command = [sys.executable, "-c", _COMMAND, "run", str(corpus / "bundle" / "fp32"), str(scans), "--jobs", "2"]
    code, said = _run([*command, "--out", str(tmp_path / "out"), "--backend", "onnxruntime", "--no-pictures"])
    assert code == 2
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_bytes().splitlines()]
    good = [line for line in lines if f"{scans}/good/" in line["file"]]
    bad = [line for line in lines if "error" in line]
    assert len(good) == 20
    assert not any("error" in line for line in good)
    assert {path.parent.name for path in scans.glob("*/*")} == {Path(line["file"]).parent.name for line in lines}
    assert len(bad) > 150
    assert all(line["error"].startswith("Expected ") and line["file"] in line["error"] for line in bad)
    # Beside our one line, only what libpng says of a file whose checksums are right.
    ours = [line for line in said if "libpng" not in line and "grfmt_png" not in line]
    assert len(ours) == 1
    assert "frames failed, the first:" in ours[0]
    assert r"/\x1b[31m\udcff\n.png" in ours[0]
    assert len(said) < 40


def _run(command: list[str]) -> tuple[int, list[str]]:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    return done.returncode, done.stderr.splitlines()
