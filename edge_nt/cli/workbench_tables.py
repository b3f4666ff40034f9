"""The tables of `edge-nt bench` for what only a workstation measures: floor, paper estimate, scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_nt.cli.screen import print_tables, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from edge_nt.bench.bench_report import BenchReport
    from edge_nt.bench.codec_result import Codecs, EqualErrorBytes
    from edge_nt.bench.estimate_result import PaperEstimate
    from edge_nt.bench.floor_result import ComputeFloor
    from edge_nt.bench.scaling_result import Scaling


def show_sections(console: Console, report: BenchReport) -> None:
    """Print those of the sections that the report has."""
    if report.codecs:
        print_tables(console, _codecs(report.codecs), _equal_bytes(report.codecs))
    if report.floor:
        print_tables(console, _peaks(report.floor), _ratios(report.floor))
    if report.scaling:
        print_tables(console, _sizes(report.scaling), _batches(report.scaling))
    if report.estimate:
        print_tables(console, _estimates(report.estimate), _calibrations(report.estimate))
        assumed = report.estimate.assumptions
        console.print(
            "[bold]ESTIMATE[/bold] from published peaks: nothing in that table was seen on a device. Range: roofline "
            f"over efficiencies of {assumed.efficiency_high:g} to {assumed.efficiency_low:g} ({assumed.reason}), and "
            f"{assumed.launch_us:g} µs a kernel launch.",
            highlight=False,
        )


def _codecs(codecs: Codecs) -> Table:
    rows = [
        (
            result.group,
            result.coder,
            each.metric,
            f"{each.mean.estimate:.4g}",
            "" if each.against_ours is None else f"{each.against_ours.estimate:+.3g}",
            each.winner or "",
        )
        for result in codecs.results
        for each in result.metrics
    ]
    title = f"Codecs within {codecs.budget_bytes} bytes a frame, against {codecs.ours}"
    return table(title, ("group", "coder", "metric", "mean", "against ours", "better"), rows)


def _equal_bytes(codecs: Codecs) -> Table:
    rows = [
        (
            result.group,
            result.coder,
            f"{result.images}",
            f"{result.did_not_fit}",
            f"{result.mean_payload_bytes:.0f}",
            f"{result.mean_file_bytes:.0f}",
            _bytes_at_our_error(result.bytes_at_our_roi_mae),
        )
        for result in codecs.results
    ]
    names = ("group", "coder", "images", "did not fit", "payload bytes", "file bytes", "bytes at our ROI MAE")
    return table("Bytes of each coder", names, rows)


def _bytes_at_our_error(found: EqualErrorBytes | None) -> str:
    if found is None:
        return ""
    return "never reached" if found.median is None else f"{found.median:.0f}"


def _peaks(floor: ComputeFloor) -> Table:
    rows = [
        (
            each.precision,
            f"{each.fastest.giga_multiply_adds_per_s or 0:.0f}",
            f"{each.fastest.engine} {each.fastest.kernel} {each.fastest.shape}",
            "unknown" if each.full_pipe_ghz is None else f"{each.per_cycle} at {each.full_pipe_ghz:.2f} GHz",
            f"{each.floor_ms:.2f}",
        )
        for each in floor.precisions
    ]
    title = (
        f"Compute floor: {floor.multiply_adds / 1e6:.0f} million multiply-adds at the best measured rate, "
        f"{floor.threads} threads; memory {floor.memory_gb_per_s:.0f} GB/s"
    )
    return table(title, ("precision", "10⁹/s", "fastest kernel", "a core and cycle", "floor ms"), rows)


def _ratios(floor: ComputeFloor) -> Table:
    rows = [
        (
            each.variant,
            each.mode,
            each.precision,
            f"{each.encode_decode_ms:.2f}",
            f"{each.floor_ms:.2f}",
            f"{each.ratio:.2f}",
        )
        for each in floor.ratios
    ]
    return table("Encode + decode over the floor", ("variant", "mode", "floor", "p50 ms", "floor ms", "ratio"), rows)


def _sizes(scaling: Scaling) -> Table:
    engines = [each.engine for each in scaling.exponents]
    times = {(each.engine, each.height_px, each.width_px): each.encode_decode.p50_ms for each in scaling.sizes}
    shapes = {(each.height_px, each.width_px): each for each in scaling.sizes}
    rows = [
        (
            f"{height}x{width}",
            f"{cost.multiply_adds / 1e6:.0f}",
            f"{cost.weights / 1e6:.1f}",
            *(f"{times[engine, height, width]:.1f}" for engine in engines),
        )
        for (height, width), cost in shapes.items()
    ]
    fitted = (f"{each.exponent:.2f} [{each.low:.2f}, {each.high:.2f}]" for each in scaling.exponents)
    rows.append(("exponent, 95 %", "", "", *fitted))
    title = f"Encode + decode p50 in ms by frame size, untrained models, {scaling.rounds} rounds"
    return table(title, ("size", "10⁶ mult-adds", "10⁶ weights", *engines), rows)


def _batches(scaling: Scaling) -> Table:
    engines = list(dict.fromkeys(each.engine for each in scaling.batches))
    times = {(each.engine, each.batch): each.ms_per_image for each in scaling.batches}
    batches = sorted({each.batch for each in scaling.batches})
    rows = [(str(batch), *(f"{times[engine, batch]:.1f}" for engine in engines)) for batch in batches]
    title = f"Encode + decode p50 in ms an image by batch, {scaling.batch_height_px}x{scaling.batch_width_px}"
    return table(title, ("batch", *engines), rows)


def _estimates(estimate: PaperEstimate) -> Table:
    rows = [
        (
            each.device,
            each.precision,
            f"{each.roofline_ms:.3f}",
            f"{each.bandwidth_bound_share:.0%}",
            f"{each.launch_ms:.3f}",
            f"{each.low_ms:.2f} … {each.high_ms:.2f}",
        )
        for each in estimate.estimates
    ]
    title = "ESTIMATE on paper, never seen on a device: encode + decode in ms"
    return table(title, ("device", "precision", "roofline", "memory-bound", "launches", "range"), rows)


def _calibrations(estimate: PaperEstimate) -> Table:
    rows = [
        (
            each.variant,
            each.precision,
            f"{each.roofline_ms:.2f}",
            f"{each.measured_ms:.2f}",
            f"{each.measured_over_roofline:.2f}",
        )
        for each in estimate.calibrations
    ]
    title = "The same formula on this machine, with its measured peaks"
    return table(title, ("variant", "precision", "roofline ms", "measured ms", "ratio"), rows)
