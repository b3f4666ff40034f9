"""`edge-nt reference`: what may ship, and a card whose figures can be followed to their files."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import block_bundle
import pytest
import small_reference
from small_control import write_control
from small_ood import write_ood
from small_study import write_evaluation, write_run_folder

from edge_nt.bundle import reference as record
from edge_nt.bundle.read import read_bundle
from edge_nt.cli.app import main
from edge_nt.digests import sha256_file
from edge_nt.recipes import default_path
from edge_nt.report import reference_folder
from edge_nt.results import read_result


@dataclass(frozen=True)
class Made:
    """A run with its evaluation, two bundles that passed, their verify reports, and where a reference goes."""

    root: Path

    def command(self, *options: str) -> int:
        bundles = [word for name in ("int8-cpu", "fp16") for word in ("--bundle", str(self.root / name))]
        reports = [word for name in ("int8-cpu", "fp16") for word in ("--verify", str(self.root / f"{name}.json"))]
        fixed = ["--evaluation", str(self.root / "evaluation" / "evaluation.json"), "--data", str(self.root / "scans")]
        fixed += ["--ood", str(self.root / "ood.json"), "--study", str(self.root / "study.json")]
        return main(["reference", str(self.root / "run"), *bundles, *reports, *fixed, "--out", str(self.out), *options])

    @property
    def out(self) -> Path:
        return self.root / "reference"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("parts")
    run = write_run_folder(root / "run", dataset="blobs")
    (run / "stage2.safetensors").write_bytes(b"weights")
    checkpoint = sha256_file(run / "stage2.safetensors")
    write_evaluation(root / "evaluation", checkpoint=checkpoint)
    write_ood(root / "ood.json", checkpoint=checkpoint)
    write_control(root / "study.json", checkpoint=checkpoint)
    data = block_bundle.write_scans(root / "scans", per_hospital=20)
    block_bundle.write(root / "fp32", checkpoint=checkpoint)
    for name, precision, target in (("int8-cpu", "int8", "cpu"), ("fp16", "fp16", "any")):
        bundle = block_bundle.write(root / name, precision, checkpoint=checkpoint, target=target)
        words = ["--reference", str(root / "fp32"), "--data", str(data), "--backend", "onnxruntime"]
        gates = ["--gates", str(default_path("benchmarks/demo_gates.toml")), "--no-verdict"]
        assert main(["verify", str(bundle), *words, *gates, "--out", str(root / f"{name}.json")]) == 0
    return root


@pytest.fixture
def made(parts: Path, tmp_path: Path) -> Made:
    root = Path(shutil.copytree(parts, tmp_path / "parts"))
    for name in ("int8-cpu", "fp16"):
        small_reference.leave_verdict(root / name)
    return Made(root)


def test_the_folder_holds_bundles_that_load_with_record_and_card(
    made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made.out.mkdir()
    (made.out / "README.md").write_text("stays")
    assert made.command() == 0
    assert sorted(path.name for path in made.out.iterdir()) == [
        "MODEL_CARD.md", "README.md", "fp16", "int8-cpu", "reference.json",
    ]  # fmt: skip
    monkeypatch.setattr(record, "reference_folder", lambda: made.out)
    found = record.read_reference()
    assert [bundle.folder for bundle in found.bundles] == ["int8-cpu", "fp16"]
    for bundle in found.bundles:
        folder = made.out / bundle.folder
        assert read_bundle(folder).sha256 == bundle.bundle_sha256
        assert sum(file.stat().st_size for file in folder.iterdir()) == bundle.size_bytes
    assert f"{found.standard.roi_mae:.5f}" in capsys.readouterr().out


def test_every_figure_of_the_card_stands_at_the_place_that_it_names(made: Made) -> None:
    assert made.command() == 0
    card = (made.out / "MODEL_CARD.md").read_text()
    files = {}
    for number, name, sha256 in re.findall(r"\| \[(\d+)\] \| `([^`]+)` \| [^|]+ \| `([0-9a-f]{64})` \|", card):
        [path] = [
            path for path in made.root.rglob("*.json") if sha256_file(path) == sha256 and made.out not in path.parents
        ]
        assert path.name == Path(name).name
        files[number] = json.loads(path.read_text())
    assert len(files) == 7
    checked = 0
    for line in card.splitlines():
        for number, place in re.findall(r"\[(\d+)\] `([^`]+)` \|$", line):
            if re.fullmatch(r"[0-9a-f]{64}", place) or place.endswith(".json"):
                continue
            value = files[number]
            for key, index in re.findall(r"([A-Za-z_0-9]+)|\[(\d+)\]", place):
                value = value[int(index)] if index else value[key]
            cells = [cell.replace("−", "-") for cell in line.split("|")]
            for wanted in _figures(value):
                assert any(_reads(cell, wanted) for cell in cells), (line, wanted)
                checked += 1
    assert checked > 100
    assert "SYNTHETIC" in card
    assert "Research use only" in card
    assert "held-out site | north" in card
    assert "CC0" in card
    assert "<script>" not in card


def _figures(value: dict) -> list[float]:
    """What a row about this part of a result file has to show."""
    if "auroc" in value:
        auroc = value["auroc"]
        ends = [auroc[end] for end in ("estimate", "low", "high")] if isinstance(auroc, dict) else [auroc]
        return [*ends, value["frames"] if "frames" in value else 100 * value["flagged_share"]]
    if "kind" in value:
        factor = 100 if value["kind"] == "relative" else 1
        return [factor * value["interval"][end] for end in ("estimate", "low", "high")]
    if "limit" in value:
        bounds = value["bounds"] or {}
        return [value["limit"], *(bounds[name] for name in ("estimate", "high", "n") if name in bounds)]
    return [value[part][end] for part in ("stage1", "stage2", "difference") for end in ("estimate", "low", "high")]


def _reads(cell: str, wanted: float) -> bool:
    printed = list(re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", cell))
    digits = [len(number.partition("e")[0].partition(".")[2]) for number in printed]
    return any(
        abs(float(number) - wanted) <= max(0.51 * 10.0**-count, 0.01 * abs(wanted))
        for number, count in zip(printed, digits, strict=True)
    )


def test_a_model_replaces_another_only_when_it_is_better(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert made.command() == 0
    before = (made.out / "reference.json").read_text()
    assert made.command() == 2
    assert "better than the one" in capsys.readouterr().err
    content = json.loads(before)
    content["standard"]["roi_mae"] += 0.01
    (made.out / "reference.json").write_text(json.dumps(content))
    assert made.command() == 0
    assert (made.out / "reference.json").read_text() == before
    assert made.command("--force") == 0


def test_gates_of_the_held_out_site_may_be_open_with_a_reason_and_no_others(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    assert made.command("--not-shown", "needless") == 2
    small_reference.leave_verdict(made.root / "fp16", left_open=("caliper bias",))
    assert made.command() == 2
    assert "1 gates not shown (caliper bias of held-out north)" in capsys.readouterr().err
    assert made.command("--not-shown", "too few frames can be read") == 0
    found = read_result(made.out / "reference.json", record.Reference)
    assert [len(bundle.not_shown) for bundle in found.bundles] == [0, 1]
    card = (made.out / "MODEL_CARD.md").read_text()
    assert "**Not every gate is shown.** Shipped all the same: too few frames can be read" in card
    for verdict in (
        {"left_open": ("caliper bias",), "group": "source validation"},
        {"failed": ("caliper bias",)},
        {"caliper_not_gated": "no band"},
    ):
        small_reference.leave_verdict(made.root / "fp16", **verdict)
        assert made.command("--not-shown", "reason") == 1, verdict
    small_reference.leave_verdict(made.root / "fp16", backend="openvino")
    assert made.command() == 1  # the failed entry of the other backend still stands


def test_parts_that_do_not_belong_together_are_refused(made: Made, tmp_path: Path) -> None:
    write_control(made.root / "study.json")
    assert made.command() == 2
    write_control(made.root / "study.json", checkpoint=sha256_file(made.root / "run" / "stage2.safetensors"))
    report = made.root / "fp16.json"
    kept = report.read_text()
    shutil.copyfile(made.root / "int8-cpu.json", report)
    assert made.command() == 2
    report.write_text(kept)
    kept = (made.root / "ood.json").read_text()
    shutil.copyfile(made.root / "evaluation" / "evaluation.json", made.root / "ood.json")
    assert made.command() == 2
    only_stage1 = json.loads(kept)
    del only_stage1["checkpoint_sha256"]["stage2"], only_stage1["stages"][1]
    (made.root / "ood.json").write_text(json.dumps(only_stage1))
    assert made.command() == 2
    (made.root / "ood.json").write_text(kept)
    (made.root / "run" / "stage2.safetensors").unlink()
    assert made.command() == 2
    (made.root / "run" / "stage2.safetensors").write_bytes(b"other weights")
    assert made.command() == 2
    (made.root / "run" / "stage2.safetensors").write_bytes(b"weights")
    (made.root / "fp16" / "verdict.json").unlink()
    assert made.command() == 2
    small_reference.leave_verdict(made.root / "fp16")
    made.out.mkdir()
    (made.out / "mine.txt").write_text("mine")
    assert made.command() == 2
    assert (made.out / "mine.txt").read_text() == "mine"


def test_a_model_whose_score_is_blind_does_not_ship(made: Made) -> None:
    content = (made.root / "ood.json").read_text().replace('"flagged_share": 1.0', '"flagged_share": 0.94')
    (made.root / "ood.json").write_text(content)
    assert made.command("--force") == 1


def test_more_than_may_ship_is_refused_and_leaves_what_stood_there(
    made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert made.command() == 0
    before = {path: path.read_bytes() for path in made.out.rglob("*") if path.is_file()}
    monkeypatch.setattr(reference_folder, "LARGEST_BYTES", 200_000)
    assert made.command("--force") == 2
    assert "at most 0.2 MB together" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in made.out.rglob("*") if path.is_file()} == before


def test_a_folder_with_something_of_ones_own_is_left_alone(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert made.command() == 0
    (made.out / "LICENSE").write_text("mine")
    assert made.command("--force") == 2
    assert "with LICENSE in it" in capsys.readouterr().err
    assert (made.out / "LICENSE").read_text() == "mine"


@pytest.mark.parametrize(
    ("state", "split", "code"), [("FAIL", "held-out", 1), ("not shown", "source", 1), ("not shown", "held-out", 0)]
)
def test_a_report_that_failed_is_not_shown_under_a_verdict_that_passed(
    made: Made, state: str, split: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads((made.root / "fp16.json").read_text())
    gate = next(each for each in content["comparison"]["gates"] if each["group"].startswith(split))
    gate["state"] = state
    (made.root / "fp16.json").write_text(json.dumps(content))
    assert made.command() == code
    assert (f"{state} in fp16.json" in capsys.readouterr().err) == bool(code)
