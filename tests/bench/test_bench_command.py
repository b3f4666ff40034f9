"""`edge-nt bench` as a person types it."""

import re
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import block_bundle
import cv2
import pytest

from edge_nt.bench.bench_report import BenchReport
from edge_nt.cli.app import main
from edge_nt.cli.bench_tables import _group_row
from edge_nt.recipes import default_path
from edge_nt.results import read_result, write_result
from edge_nt.verify.gate_result import GateResult

QUICK = ["--frames", "8", "--warmup", "1", "--settle-ms", "0", "--threads", "1"]


@pytest.fixture
def measured(bundle_folder: Path, tmp_path: Path) -> Path:
    out = tmp_path / "bench.json"
    assert main(["bench", str(bundle_folder), *QUICK, "--out", str(out)]) == 0
    return out


def slower(report: Path, factor: int, out: Path) -> Path:
    """The same report with every encode time multiplied."""
    content = read_result(report, BenchReport)
    variants = []
    for each in content.variants:
        encode = " ".join(str(int(word) * factor) for word in each.rounds_ns["encode"].split())
        variants.append(replace(each, rounds_ns={**each.rounds_ns, "encode": encode}))
    write_result(out, replace(content, variants=tuple(variants)))
    return out


def test_everything_at_once(
    bundle_folder: Path, dataset_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "bench.json", block_bundle.write(tmp_path / "bright", "fp16", offset=0.05)
    command = ["bench", str(bundle_folder), str(other), *QUICK, "--full", "--paced", "50", "--sweep-threads", "1"]
    data = block_bundle.write_scans(tmp_path / "many", per_hospital=20)
    command += ["--data", str(data), "--reference", str(bundle_folder), "--input", str(dataset_folder)]
    command += ["--gates", str(default_path("benchmarks/demo_gates.toml"))]
    assert main([*command, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    for words in ("Latency in ms", "Ratio to fp32-bundle · onnxruntime", "FAIL", "pass", "Saturated", "Paced"):
        assert words in printed
    for words in ("By threads", "Peak memory", "Cold start of bright", "decoding a file"):
        assert words in printed
    report = read_result(out, BenchReport)
    names = ["fp32-bundle · onnxruntime", "bright · onnxruntime"]
    assert [each.identity.name for each in report.variants] == names
    fidelity = report.fidelity.variants
    for section in (report.saturated, report.paced, report.threads, report.memory, fidelity):
        assert [each.variant for each in section] == names
    assert report.file_decode.n == 12
    assert {each.rate_hz for each in report.paced} == {50}


def test_brackets_in_names_are_no_style_and_no_crash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = block_bundle.write(tmp_path / "a[red]b")
    out = tmp_path / "bench.json"
    command = ["bench", str(hostile), *QUICK, "--backend", "onnxruntime", "--out", str(out)]
    assert main(command) == 0
    assert "a[red]b" in capsys.readouterr().out
    before = out.read_bytes()
    assert main(["bench", str(hostile), *QUICK, "--compare", str(out), "--out", str(out)]) == 2
    assert "another file as --out" in capsys.readouterr().err
    assert out.read_bytes() == before


def test_a_plain_call_measures_latency_and_ratios_alone(measured: Path) -> None:
    report = read_result(measured, BenchReport)
    assert report.variants[0].stages["total"].n == 8
    assert (report.saturated, report.paced, report.threads, report.memory, report.fidelity) == ((), (), (), (), None)


def test_two_reports_are_compared_without_measuring(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = slower(measured, 50, tmp_path / "new.json")
    assert main(["bench", str(new), "--compare", str(measured)]) == 0
    printed = capsys.readouterr().out
    assert "slower" in printed
    assert "Latency in ms" not in printed
    command = ["bench", str(new), "--compare", str(measured), "--fail-on-regression"]
    assert main([*command, "20"]) == 1
    assert "encode+decode" in capsys.readouterr().err
    assert main(["bench", str(measured), "--compare", str(new), "--fail-on-regression", "20"]) == 0
    assert "faster" in capsys.readouterr().out


def test_what_says_nothing_beside_two_reports_is_refused(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", str(measured), "--compare", str(measured)]
    assert main([*command, "--full", "--out", "x.json"]) == 2
    assert "no --full, --out beside two reports" in capsys.readouterr().err
    assert main([*command, "--fail-on-regression", "nan"]) == 2
    assert "a percentage from 0 up" in capsys.readouterr().err


def test_a_variant_that_failed_before_too_has_not_stopped(measured: Path, tmp_path: Path) -> None:
    report = read_result(measured, BenchReport)
    failed = tuple(replace(each, failed="OSError: in a later section") for each in report.variants)
    write_result(tmp_path / "failed.json", replace(report, variants=failed))
    for old, code in (("failed.json", 0), (measured.name, 1)):
        command = [
            "bench",
            str(tmp_path / "failed.json"),
            "--compare",
            str(tmp_path / old),
            "--fail-on-regression",
            "5",
        ]
        assert main(command) == code


def test_other_pictures_are_other_frames(
    bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "1.png"), block_bundle.scan(seed, 240, 320))
        command = ["bench", str(bundle_folder), *QUICK, "--input", str(tmp_path / name)]
        assert main([*command, "--out", str(tmp_path / f"{name}.json")]) == 0
    assert main(["bench", str(tmp_path / "a.json"), "--compare", str(tmp_path / "b.json")]) == 2
    assert "the same frames" in capsys.readouterr().err
    # Found out before anything is measured, and unknown of a report that says only how many files there were.
    out, old = tmp_path / "c.json", tmp_path / "old.json"
    command = ["bench", str(bundle_folder), *QUICK, "--input", str(tmp_path / "a"), "--out", str(out)]
    assert main([*command, "--compare", str(tmp_path / "b.json")]) == 2
    assert not out.exists()
    old.write_text(re.sub(r"1 image files, \w+", "1 image files", (tmp_path / "b.json").read_text()))
    assert main([*command, "--compare", str(old)]) == 0


def test_what_a_later_section_needs_is_looked_for_first_and_what_was_measured_is_kept(
    bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bench.json"
    command = ["bench", str(bundle_folder), *QUICK, "--scaling", "--out", str(out)]
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert main(command) == 3
    assert not out.exists()
    monkeypatch.undo()

    def stopped(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edge_nt.workbench.bench_sections.measure_scaling", stopped)
    with suppress(KeyboardInterrupt):
        assert main(command) == 130
    assert read_result(out, BenchReport).variants[0].stages["total"].n == 8


def test_a_new_measurement_is_compared_with_an_old_report(
    measured: Path, bundle_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(bundle_folder), *QUICK, "--compare", str(measured)]) == 0
    printed = capsys.readouterr().out
    assert "Latency in ms" in printed
    assert "Compared in" in printed


def test_an_old_report_that_is_none_is_refused_before_anything_is_measured(
    bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old.json").write_text('{"schema_version": 1, "bundles": []}')
    out = tmp_path / "bench.json"
    assert main(["bench", str(bundle_folder), "--compare", str(tmp_path / "old.json"), "--out", str(out)]) == 2
    assert "old.json" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--data", "."], "--data and --reference together"),
        (["--out", "/dev/null/report.json"], "a folder that can be written to"),
        (["--reference", "."], "--data and --reference together"),
        (["--fail-on-regression", "5"], "--compare with --fail-on-regression"),
        (["--backend", "tensorflow"], "a backend among"),
        (["--backend", "onnxruntime", "--backend", "onnxruntime"], "a name of its own"),
        (["--baseline", "nobody"], "a baseline among"),
        (["--frames", "0"], "--frames of at least 1"),
        (["--paced", "0"], "frame rate above 0"),
        (["--sweep-threads", "0"], "--sweep-threads of at least 1"),
        (["--settle-ms", "inf"], "--settle-ms of at least 0, and no infinity"),
    ],
)
def test_a_mistake_is_one_line(
    bundle_folder: Path, options: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(bundle_folder), *QUICK, *options]) == 2
    assert named in capsys.readouterr().err


def test_when_everything_fails_the_report_says_so_and_so_does_the_exit_code(
    bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bench.json"
    assert main(["bench", str(bundle_folder), "--threads", "0", "--frames", "2", "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert "FAILED" in captured.out
    assert "at least one variant that runs" in captured.err
    assert "at least 1 thread" in read_result(out, BenchReport).variants[0].failed


def test_a_variant_that_gave_nan_has_a_row_without_figures() -> None:
    gate = GateResult("finite outputs", "all frames", "frames", None, None, None, 0.0, "FAIL", "NaN for frame 3 of 40")
    row = _group_row("all frames", [gate])
    assert row == ("all frames", "", "", "", "", "", "", "finite outputs FAIL")
