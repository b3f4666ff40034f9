"""Which images the panels show: of each split and structure the best, median and worst by stage 2's ROI MAE."""

from __future__ import annotations

from pathlib import Path

from edge_nt.digests import sha256_file
from edge_nt.evaluation.evaluation_result import Example, Panel
from edge_nt.evaluation.panel import PanelRow, draw_panel, write_panel
from edge_nt.evaluation.panel_layout import panel_cells
from edge_nt.evaluation.stage_pass import reconstruct
from edge_nt.evaluation.summary import HELD_OUT, SOURCE_VALIDATION, ImageRecord
from edge_nt.imaging.letterbox import to_unit_range
from edge_nt.training.checkpoint import load_model
from edge_nt.training.run_frames import RunFrames, frames_of, network_rois

PANEL_NAMES = {SOURCE_VALIDATION: "panel-source-validation", HELD_OUT: "panel-held-out"}


def draw_examples(run: Path, source: RunFrames, records: tuple[ImageRecord, ...], out: Path) -> tuple[Panel, ...]:
    """Write a panel for each split and structure that has regions into `out`, and return what each shows and where.

    The panels of an earlier evaluation are removed first, so that the folder is of one piece.
    """
    panels = []
    for split, name in PANEL_NAMES.items():
        # The measured structure's panel has the plain name; a structure's own name need not be one of a file.
        for old in (out / f"{name}.png", *out.glob(f"{name}-[0-9]*.png")):
            old.unlink(missing_ok=True)
        for number, structure in enumerate(source.info.structures, start=1):
            picked = pick_examples(records, split, structure)
            if picked:
                rows = _panel_rows(run, source, records, picked, structure)
                title = f"{source.dataset.name}, {split}, region {structure}"
                path = out / (f"{name}.png" if number == 1 else f"{name}-{number}.png")
                write_panel(path, draw_panel(rows, title=title, synthetic=source.dataset.synthetic))
                panels.append(Panel(path.name, sha256_file(path), split, structure, _examples(rows, picked)))
    return tuple(panels)


def _examples(rows: tuple[PanelRow, ...], picked: tuple[tuple[str, int], ...]) -> tuple[Example, ...]:
    return tuple(
        Example(rank, index, panel_cells(position, (row.scan.shape[0], row.scan.shape[1]), row.roi))
        for position, (row, (rank, index)) in enumerate(zip(rows, picked, strict=True))
    )


def pick_examples(records: tuple[ImageRecord, ...], split: str, structure: str) -> tuple[tuple[str, int], ...]:
    """("best" | "median" | "worst", position in `records`) by stage 2's MAE in `structure`; fewer of fewer images.

    Of an even number, the median is the worse of the middle two.
    """
    measured = [
        (record.stage2.regions[structure].mae, index)
        for index, record in enumerate(records)
        if record.split == split and structure in record.stage2.regions
    ]
    order = [index for _, index in sorted(measured)]
    if len(order) < 3:
        return tuple(zip(("best", "worst"), order, strict=False))
    return ("best", order[0]), ("median", order[len(order) // 2]), ("worst", order[-1])


def _panel_rows(
    run: Path,
    source: RunFrames,
    records: tuple[ImageRecord, ...],
    picked: tuple[tuple[str, int], ...],
    structure: str,
) -> tuple[PanelRow, ...]:
    by_file = {row.file: row for row in source.dataset.rows}
    rows = tuple(by_file[records[index].file] for _, index in picked)
    frames = frames_of(source, rows)
    scans = to_unit_range(frames)[:, 0]
    first, second = (reconstruct(load_model(run, stage), frames)[1] for stage in ("stage1", "stage2"))
    captions = [_caption(name, index, records[index], structure) for name, index in picked]
    # Only images with a region of the structure are picked, and each has one.
    rois = [roi for of_row in network_rois(source, rows) for roi in of_row if roi.structure == structure]
    return tuple(PanelRow(*row) for row in zip(captions, scans, first, second, rois, strict=True))


def _caption(name: str, index: int, record: ImageRecord, structure: str) -> str:
    # The image's place in evaluation.json instead of its file name, which may name a patient.
    before, after = record.stage1.regions[structure], record.stage2.regions[structure]
    changes = (
        f"MAE {before.mae:.4f} -> {after.mae:.4f}",
        f"Edge-MAE {before.edge_mae:.4f} -> {after.edge_mae:.4f}",
        f"PSNR {before.psnr:.2f} -> {after.psnr:.2f} dB",
    )
    return f"{name}: image {index}, {record.hospital}   region, stage 1 -> 2: {', '.join(changes)}"
