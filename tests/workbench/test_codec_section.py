"""The codecs' section on a bench report: asked for with a dataset, printed with its losses."""

import io
from pathlib import Path

import block_bundle
import pytest
from rich.console import Console

from edge_nt.bench.bench_report import BenchReport
from edge_nt.bench.frames import golden_frames
from edge_nt.bench.measure import BenchPlan, measure
from edge_nt.bench.variant import bundle_variants
from edge_nt.cli.workbench_tables import show_sections
from edge_nt.errors import InputError
from edge_nt.results import read_result, write_result
from edge_nt.workbench.bench_sections import check_sections, with_sections


def test_a_report_gains_codecs_with_a_dataset_and_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_nt.workbench.codec_search.SHRINKS", (6.0, 8.0))
    bundle, scans = block_bundle.write(tmp_path / "fp32"), block_bundle.write_scans(tmp_path / "scans")
    plan = BenchPlan(rounds=2, warmup=1, settle_ms=0)
    report = measure(bundle_variants([bundle], ["onnxruntime"], 1), golden_frames(bundle), plan, lambda *_: None)
    steps: list[str] = []
    whole = with_sections(
        report, lambda section, _done, _total: steps.append(section),
        folders=[bundle], floor=False, scaling=False, scans=scans,
    )  # fmt: skip
    assert set(steps) == {"codecs"}
    assert whole.codecs is not None
    write_result(tmp_path / "bench.json", whole)
    assert read_result(tmp_path / "bench.json", BenchReport) == whole
    printed = io.StringIO()
    show_sections(Console(file=printed, width=200), whole)
    for words in ("AVIF", "WebP", "JPEG XL", "roi_edge_mae", "bytes at our ROI MAE", "ours fp32"):
        assert words in printed.getvalue()
    assert (
        with_sections(report, lambda *_: None, folders=[bundle], floor=False, scaling=False, scans=None).codecs is None
    )


def test_a_dataset_without_a_group_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    bundle, scans = block_bundle.write(tmp_path / "fp32"), block_bundle.write_scans(tmp_path / "scans")
    check_sections(folders=[bundle], floor=False, scaling=False, scans=scans)
    manifest = scans / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",val,", ",train,"))
    with pytest.raises(InputError, match="source validation and rows of"):
        check_sections(folders=[bundle], floor=False, scaling=False, scans=scans)


def test_what_disturbed_a_later_section_is_no_doubt_about_the_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = block_bundle.write(tmp_path / "fp32")
    plan = BenchPlan(rounds=2, warmup=1, settle_ms=0)
    report = measure(bundle_variants([bundle], ["onnxruntime"], 1), golden_frames(bundle), plan, lambda *_: None)
    monkeypatch.setattr("edge_nt.workbench.bench_sections.busy_warnings", lambda *_: ("others were busy",))
    after = with_sections(report, lambda *_: None, folders=[bundle], floor=False, scaling=False, scans=None)
    assert after.section_warnings == ("in floor, scaling and codecs: others were busy",)
    assert after.conditions == report.conditions
