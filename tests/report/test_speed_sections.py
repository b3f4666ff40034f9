"""The parts of a bench that need the workstation, and training speed: schemas filled in by hand, as no cart can."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from html_tree import Element, parse

from edge_nt.bench.bench_report import BenchReport
from edge_nt.bench.codec_result import Codecs, CodingMetric, CodingResult, EqualErrorBytes
from edge_nt.bench.estimate_result import Assumptions, Calibration, DeviceEstimate, PaperDevice, PaperEstimate
from edge_nt.bench.fidelity import Fidelity, FidelitySection
from edge_nt.bench.floor_result import ComputeFloor, FloorRatio, PeakKernel, PrecisionFloor
from edge_nt.bench.latency_stats import latency_stats
from edge_nt.bench.scaling_result import BatchCost, Exponent, Scaling, SizeCost
from edge_nt.machine import describe_machine
from edge_nt.metrics.bootstrap import Interval
from edge_nt.report.codec_tables import codec_tables
from edge_nt.report.markup import joined
from edge_nt.report.place import Place, Source
from edge_nt.results import read_result, write_result
from edge_nt.verify.verification import VerifyReport
from edge_nt.workbench.training_speed_result import (
    CurveGap,
    LossCurve,
    LossEquality,
    ProfilePart,
    StepProfile,
    TrainingSpeed,
    WayResult,
)

KERNEL = PeakKernel("openvino", "convolution", "64x64", 812.5, None)


@pytest.fixture(scope="module")
def bench(study_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    measured = read_result(study_folder / "bench.json", BenchReport)
    verified = read_result(study_folder / "verify-int8.json", VerifyReport)
    name = measured.variants[2].identity.name
    judged = Fidelity(name, "not passed", None, verified.comparison)
    refused = Fidelity(measured.variants[1].identity.name, "not compared", "out of <memory>", None)
    fidelity = FidelitySection("fp32", "scans", True, verified.gate_file, (judged, refused))
    sizes = tuple(SizeCost("ort", 96 * k, 128 * k, 10**6 * k, 10**5, latency_stats([1.25 * k * k])) for k in (1, 2, 3))
    scaling = Scaling(
        0, 3, sizes, (Exponent("ort", 1.0, 0.9, 1.1),), 192, 256, (BatchCost("ort", 4, latency_stats([20.0]), 5.0),)
    )
    floor = ComputeFloor(
        10**9,
        2,
        (PrecisionFloor("int8", KERNEL, (KERNEL,), 1.25, 64, 3.5),),
        20.0,
        (FloorRatio(name, "settled", "int8", 3.0, 1.25, 2.4),),
    )
    estimate = PaperEstimate(
        (PaperDevice("Orin <Nano>", 33.0, 8.0, 102.0, "25 W", ("a document",), "halved"),),
        Assumptions(5.0, 0.25, 0.75, "kernels seldom reach more"),
        (DeviceEstimate("Orin <Nano>", "int8", 0.25, 0.5, 0.125, 0.5, 1.5),),
        (Calibration(name, "int8", 1.5, 3.0, 2.0),),
    )
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    full = replace(measured, fidelity=fidelity, scaling=scaling, floor=floor, estimate=estimate)
    write_result(path, full)
    return path


def _figures_are_true(page: Element, file: Path) -> int:
    content = json.loads(file.read_text())
    numbers = list(page.all("data"))
    for each in numbers:
        value = content
        for key, index, quoted in re.findall(r'([A-Za-z_]\w*)|\[(\d+)\]|\["([^"]*)"\]', each.attributes["title"][4:]):
            value = value[int(index) if index else quoted or key]
        assert json.loads(each.attributes["value"]) == value
    return len(numbers)


def test_every_part_of_a_bench_is_shown_and_traced(bench: Path, page_of: Callable[..., str]) -> None:
    tree = parse(page_of(bench))
    assert _figures_are_true(tree, bench) > 60
    text = tree.text()
    for words in (
        "812",
        "exponent 1.00 [0.90, 1.10]",
        "25 to 75 % of the roofline",
        "5 µs a launch",
        "out of <memory>",
    ):
        assert words in text


def test_an_estimate_is_called_one_on_every_line(bench: Path, page_of: Callable[..., str]) -> None:
    tables = list(parse(page_of(bench)).all("table"))
    paper = [table for table in tables if "not measured on any device" in next(table.all("caption")).text()]
    assert len(paper) == 1
    assert all("ESTIMATE" in row.text() for row in next(paper[0].all("tbody")).all("tr"))


def test_a_bench_with_gates_of_its_own_is_plotted_without_a_verification(
    bench: Path, page_of: Callable[..., str]
) -> None:
    tree = parse(page_of(bench))
    section = next(each for each in tree.all("section") if each.attributes.get("id") == "trade")
    titles = [title.text() for mark in section.all("path") for title in mark.all("title")]
    assert [title.partition(":")[0] for title in titles] == ["int8 · onnxruntime"] * 2
    assert all("a gate did not pass" in title for title in titles)
    assert "✗ FAILED" in next(tree.all("header")).text()


def test_codecs_are_shown_with_their_wins_and_losses(tmp_path: Path) -> None:
    mean, below, across = (
        Interval(*bounds, 9, 0.95) for bounds in ((0.1, 0.09, 0.11), (-0.02, -0.03, -0.01), (0.5, -1, 2))
    )
    equal = EqualErrorBytes(8, 1, 310.0, 250.0, 420.0)
    ours = CodingResult("latent", "north", 9, 9, 0, 256, 256, (CodingMetric("roi_mae", False, mean, None, None),), None)
    won = CodingMetric("roi_mae", False, mean, below, "codec")
    tied = CodingMetric("psnr_db", True, mean, across, "neither")
    theirs = CodingResult("<avif>", "north", 9, 9, 2, 201.4, 455.0, (won, tied), equal)
    codecs = Codecs("scans", True, 256, "latent", {"<avif>": "1.2"}, (ours, theirs))
    path = tmp_path / "codecs.json"
    path.write_text(json.dumps({"codecs": asdict(codecs)}))
    place = Place(Source(1, path, path.name, "edge-nt bench", "0" * 64), "", json.loads(path.read_text())).at("codecs")
    tree = parse(joined(codec_tables(place)))
    assert _figures_are_true(tree, path) > 20
    rows = [row.text() for row in tree.all("tr")]
    assert any("<avif>" in row and "−0.0200" in row and row.endswith("codec") for row in rows)
    assert any("+0.50[−1.00, +2.00]neither" in row for row in rows)
    assert any("310[250, 420]" in row for row in rows)


def test_training_speed_is_shown_and_traced(tmp_path: Path, page_of: Callable[..., str]) -> None:
    stats = latency_stats([100.0, 120.0])
    gap = CurveGap("ours", "plain", 0.0123, 0.0045)
    curves = tuple(
        LossCurve(way, 0, " ".join(str(600_000 - 1000 * at) for at in range(50))) for way in ("ours", "plain")
    )
    report = TrainingSpeed(
        dataset="<i>scans",
        synthetic=True,
        held_out_hospital="north",
        machine=describe_machine(),
        torch_version="2.0",
        device="cpu",
        precision="bfloat16",
        threads=2,
        others_cores=0.0,
        warnings=("somebody else was <here>",),
        height_px=192,
        width_px=256,
        batch_size=16,
        steps=50,
        block_steps=5,
        smoothing_steps=10,
        ways=(WayResult("ours", 60.0, stats, 0.015, 5.25), WayResult("plain", 11.5, stats, 0.25, 1.0)),
        speed_up=Interval(5.25, 5.0, 5.5, 10, 0.95),
        curves=curves,
        ours_against_plain=gap,
        plain_against_plain=gap,
        profiles=(StepProfile("ours", 1, 5, (ProfilePart("loss", 12.5, 0.125),)),),
        ms_ssim=(LossEquality(32, True, 1e-7, 2e-6),),
    )
    write_result(tmp_path / "training-speed.json", report)
    tree = parse(page_of(tmp_path / "training-speed.json"))
    assert _figures_are_true(tree, tmp_path / "training-speed.json") > 15
    for words in (
        "5.25 times as fast [5.00, 5.50]",
        "differ by 0.0123 at most",
        "12.5 %",
        "2.0e−06",
        "<here>",
        "SYNTHETIC",
    ):
        assert words in tree.text()
