"""Which images the panels show: of each split the best, the median and the worst by stage 2's ROI MAE."""

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

PANEL_NAMES = {SOURCE_VALIDATION: "panel-source-validation.png", HELD_OUT: "panel-held-out.png"}


def draw_examples(run: Path, source: RunFrames, records: tuple[ImageRecord, ...], out: Path) -> tuple[Panel, ...]:
    """Write a panel for each split that has regions into `out`, and return what each shows and where.

    A panel of an earlier evaluation whose split has no regions now is removed, so that the folder is of one piece.
    """
    panels = []
    for split, name in PANEL_NAMES.items():
        picked = pick_examples(records, split)
        if picked:
            rows = _panel_rows(run, source, records, picked)
            title = f"{source.dataset.name}, {split}, region {source.info.structures[0]}"
            write_panel(out / name, draw_panel(rows, title=title, synthetic=source.dataset.synthetic))
            panels.append(Panel(name, sha256_file(out / name), split, _examples(rows, picked)))
        else:
            (out / name).unlink(missing_ok=True)
    return tuple(panels)


def _examples(rows: tuple[PanelRow, ...], picked: tuple[tuple[str, int], ...]) -> tuple[Example, ...]:
    return tuple(
        Example(rank, index, panel_cells(position, (row.scan.shape[0], row.scan.shape[1]), row.roi))
        for position, (row, (rank, index)) in enumerate(zip(rows, picked, strict=True))
    )


def pick_examples(records: tuple[ImageRecord, ...], split: str) -> tuple[tuple[str, int], ...]:
    """("best" | "median" | "worst", position in `records`) by stage 2's ROI MAE; fewer where there are fewer images.

    Of an even number, the median is the worse of the middle two.
    """
    measured = [
        (record.stage2.roi.mae, index)
        for index, record in enumerate(records)
        if record.split == split and record.stage2.roi is not None
    ]
    order = [index for _, index in sorted(measured)]
    if len(order) < 3:
        return tuple(zip(("best", "worst"), order, strict=False))
    return ("best", order[0]), ("median", order[len(order) // 2]), ("worst", order[-1])


def _panel_rows(
    run: Path, source: RunFrames, records: tuple[ImageRecord, ...], picked: tuple[tuple[str, int], ...]
) -> tuple[PanelRow, ...]:
    by_file = {row.file: row for row in source.dataset.rows}
    rows = tuple(by_file[records[index].file] for _, index in picked)
    frames = frames_of(source, rows)
    scans, rois = to_unit_range(frames)[:, 0], network_rois(source, rows)
    first, second = (reconstruct(load_model(run, stage), frames)[1] for stage in ("stage1", "stage2"))
    captions = [_caption(name, index, records[index]) for name, index in picked]
    # Only images with a region are picked.
    return tuple(
        PanelRow(caption, scan, before, after, roi)
        for caption, scan, before, after, roi in zip(captions, scans, first, second, rois, strict=True)
        if roi is not None
    )


def _caption(name: str, index: int, record: ImageRecord) -> str:
    # The image's place in evaluation.json instead of its file name, which may name a patient.
    changes = [
        f"{label} {before:.{digits}f} -> {after:.{digits}f}{unit}"
        for label, digits, unit, before, after in _roi_changes(record)
    ]
    return f"{name}: image {index}, {record.hospital}   region, stage 1 -> 2: {', '.join(changes)}"


def _roi_changes(record: ImageRecord) -> list[tuple[str, int, str, float, float]]:
    before, after = record.stage1.roi, record.stage2.roi
    if before is None or after is None:
        return []
    return [
        ("MAE", 4, "", before.mae, after.mae),
        ("Edge-MAE", 4, "", before.edge_mae, after.edge_mae),
        ("PSNR", 2, " dB", before.psnr, after.psnr),
    ]
