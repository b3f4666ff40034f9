"""The sections of a bench report that need the workstation, added to a report that is already measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from edge_nt.bench.bench_report import BenchReport
from edge_nt.bench.conditions import Mark, busy_warnings, mark
from edge_nt.bench.device_conditions import DeviceMark, device_conditions, mark_device, throttling_warnings
from edge_nt.bench.floor_result import ComputeFloor, FloorMode, TimedVariant
from edge_nt.bench.latency_stats import LatencyStats
from edge_nt.bench.measure import OnStep
from edge_nt.bundle.read import read_bundle
from edge_nt.datasets.dataset import read_dataset
from edge_nt.errors import InputError
from edge_nt.runtime.openvino_session import require_openvino
from edge_nt.runtime.reconstructor import load_unjudged
from edge_nt.workbench.codecs import compare_codecs, rows_to_code
from edge_nt.workbench.compute_floor import measure_floor
from edge_nt.workbench.device_estimate import paper_estimate
from edge_nt.workbench.device_table import read_devices
from edge_nt.workbench.graph_work import LayerWork, layer_work
from edge_nt.workbench.picture_codecs import picture_codecs
from edge_nt.workbench.scaling import measure_scaling


def check_sections(*, folders: Sequence[Path], floor: bool, scaling: bool, scans: Path | None) -> None:
    """What `with_sections` needs, looked for before minutes are spent on measuring the rest.

    Raises: InputError when the bundles hold networks of different work, or `scans` is no dataset;
    MissingDependencyError without OpenVINO or imagecodecs.
    """
    if floor:
        _shared_work(folders)
    if scaling:
        require_openvino()
    if scans is not None:
        picture_codecs()
        rows_to_code(read_dataset(scans), read_bundle(folders[0]).manifest)


def with_sections(
    report: BenchReport,
    on_step: OnStep,
    on_report: Callable[[BenchReport], None] = lambda _report: None,
    *,
    folders: Sequence[Path],
    floor: bool,
    scaling: bool,
    scans: Path | None,
) -> BenchReport:
    """The report with the compute floor and paper estimate of its bundles `folders`, and with the cost by size.

    With the dataset folder `scans`, also codecs at equal bytes. What disturbed the machine meanwhile is a warning of
    the report; `on_report` is given the report after each section but the last.

    Raises: as `check_sections`; InputError when no engine has a kernel at a precision.
    """
    begun = mark(), mark_device()
    if floor:
        report = _with_floor(report, folders, on_step)
        on_report(_doubted(report, *begun))
    if scaling:
        report = replace(report, scaling=measure_scaling(threads=report.machine.threads, on_step=on_step))
        on_report(_doubted(report, *begun))
    if scans is not None:
        loaded = [load_unjudged(folder, report.machine.threads, "onnxruntime") for folder in folders]
        report = replace(report, codecs=compare_codecs(loaded, read_dataset(scans), partial(on_step, "codecs")))
    return _doubted(report, *begun)


def _doubted(report: BenchReport, start: Mark, device: DeviceMark) -> BenchReport:
    """The report with what disturbed the machine since its sections began."""
    disturbed = (
        *busy_warnings(start, mark(), report.machine.usable_cores),
        *throttling_warnings(device_conditions(device, mark_device())),
    )
    told = tuple(f"in floor, scaling and codecs: {words}" for words in disturbed)
    return replace(report, section_warnings=(*report.section_warnings, *told))


def _with_floor(report: BenchReport, folders: Sequence[Path], on_step: OnStep) -> BenchReport:
    work, devices = _shared_work(folders), read_devices()
    threads = report.machine.threads
    floor = measure_floor(work, _timed(report), threads=threads, on_kernel=partial(on_step, "compute floor"))
    estimate, doubts = paper_estimate(work, devices, floor), _impossible(floor)
    return replace(report, floor=floor, estimate=estimate, section_warnings=(*report.section_warnings, *doubts))


def _timed(report: BenchReport) -> list[TimedVariant]:
    identities = {each.identity.name: each.identity for each in report.variants}
    settled: list[tuple[str, FloorMode, dict[str, LatencyStats]]] = [
        (each.identity.name, "settled", each.stages) for each in report.variants if each.stages
    ]
    saturated: list[tuple[str, FloorMode, dict[str, LatencyStats]]] = [
        (each.variant, "saturated", each.stages) for each in report.saturated
    ]
    # The peaks are the processor's: a GPU is no part of them.
    return [
        TimedVariant(identities[name], mode, stages["encode+decode"].p50_ms)
        for name, mode, stages in (*settled, *saturated)
        if identities[name].backend != "tensorrt"
    ]


def _impossible(floor: ComputeFloor) -> list[str]:
    faster = [each.variant for each in floor.ratios if each.ratio < 1]
    return [f"faster than their compute floor, so the peaks were disturbed: {', '.join(faster)}"] if faster else []


def _shared_work(folders: Sequence[Path]) -> tuple[LayerWork, ...]:
    bundles = [read_bundle(folder) for folder in folders]
    works = [layer_work(bundle.encoder_onnx, bundle.decoder_onnx) for bundle in bundles]
    counted = [sum(layer.multiply_adds for layer in work) for work in works]
    totals = {folder.name: total for folder, total in zip(folders, counted, strict=True)}
    if len(set(totals.values())) > 1:
        raise InputError(
            expected="bundles of one network, so that they share one floor",
            got=", ".join(f"{name}: {total} multiply-adds" for name, total in totals.items()),
            fix="measure them in separate reports, or leave --floor out",
        )
    return works[0]
