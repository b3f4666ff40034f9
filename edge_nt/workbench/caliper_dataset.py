"""The caliper on every frame of a dataset that has a box, and on a bundle's reconstructions of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import edge_nt
from edge_nt.caliper.caliper import CaliperReading, measure_thickness
from edge_nt.datasets.dataset import Box, Dataset, Row, read_dataset
from edge_nt.datasets.dataset_tables import dataset_tables
from edge_nt.datasets.site import in_site
from edge_nt.errors import InputError
from edge_nt.imaging.decode import decode_image
from edge_nt.imaging.frame import Frame
from edge_nt.imaging.letterbox import affine_for, to_unit_range
from edge_nt.imaging.roi import Roi
from edge_nt.machine import describe_machine
from edge_nt.results import now_utc
from edge_nt.runtime.reconstructor import Reconstructor, load_unjudged
from edge_nt.workbench.caliper_agreement import Agreement, agreement, coverage
from edge_nt.workbench.caliper_report import CaliperReport, FrameReading, GroupReadings

# A moved box keeps its size; this many places are tried, and its picture must not be black.
_PLACES, _LEAST_MEAN_LEVEL = 60, 0.05


def measure_dataset(
    data: Path,
    structure: str,
    bundle: Path | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> CaliperReport:
    """Measure every frame of the dataset folder `data` with a box of `structure`.

    With a bundle, its reconstructions are read too, whatever its verdict, and frames are grouped by whether the bundle
    was trained on them; else by hospital and scanner. The last group is of all frames.
    Raises: InputError when no frame has such a box, or the data or the bundle cannot be used.
    """
    dataset, tables = read_dataset(data), dataset_tables(data)
    reconstruct = None if bundle is None else load_unjudged(bundle)
    chosen = [(row, box) for row in dataset.rows for box in _first(dataset, row, structure)]
    if not chosen:
        raise InputError(
            expected=f"boxes of {structure} in {data}", got="none", fix="name another structure with --roi"
        )
    frames = []
    for row, box in chosen:
        frames.append(_measure(dataset, row, box, reconstruct))
        if on_frame is not None:
            on_frame(len(frames), len(chosen))
    names = sorted({frame.group for frame in frames})
    groups = [_group(name, [frame for frame in frames if frame.group == name]) for name in names]
    return CaliperReport(
        kind="edge-nt caliper",
        schema_version=1,
        dataset=dataset.name,
        synthetic=dataset.synthetic,
        structure=structure,
        bundle=None if bundle is None else bundle.resolve().name,
        precision=None if reconstruct is None else reconstruct.bundle.manifest.precision,
        groups=(*groups, _group("all", frames)),
        frames=tuple(frames),
        machine=describe_machine(),
        edge_nt_version=edge_nt.__version__,
        measured_utc=now_utc(),
        dataset_tables=tables,
        bundle_sha256=None if reconstruct is None else reconstruct.bundle.sha256,
    )


def _first(dataset: Dataset, row: Row, structure: str) -> list[Box]:
    return [box for box in dataset.boxes.get(row.file, ()) if box.roi.structure == structure][:1]


def _measure(dataset: Dataset, row: Row, box: Box, reconstruct: Reconstructor | None) -> FrameReading:
    frame = decode_image(dataset.path(row))
    spacing = row.mm_per_px or frame.mm_per_px
    scan = to_unit_range(frame.pixels[None])[0, 0]
    both = None if spacing is None else (spacing, spacing)
    elsewhere = _moved(scan, box.roi, row.file)
    network = (None, None) if reconstruct is None else _at_network_size(frame, box.roi, spacing, reconstruct)
    return FrameReading(
        file=row.file,
        group=" ".join((row.hospital, row.scanner)).strip() if reconstruct is None else _side(row, reconstruct),
        mm_per_px=spacing,
        stated_mm=box.thickness_mm,
        scan=measure_thickness(scan, box.roi, both),
        moved=None if elsewhere is None else measure_thickness(scan, elsewhere, both),
        network_scan=network[0],
        reconstruction=network[1],
    )


def _at_network_size(
    frame: Frame, roi: Roi, spacing: float | None, reconstruct: Reconstructor
) -> tuple[CaliperReading, CaliperReading]:
    result = reconstruct(frame)
    affine = affine_for(*frame.pixels.shape, result.preprocess)
    box, mm_per_px = affine.to_network(roi), None if spacing is None else affine.network_mm_per_px(spacing)
    scan = to_unit_range(result.network_input[None])[0, 0]
    return measure_thickness(scan, box, mm_per_px), measure_thickness(result.network_output, box, mm_per_px)


def _side(row: Row, reconstruct: Reconstructor) -> str:
    manifest = reconstruct.bundle.manifest
    if in_site(manifest.held_out_hospital, row):
        return f"held-out {manifest.held_out_hospital}"
    if not any(in_site(site, row) for site in manifest.source_hospitals):
        return " ".join(("other", row.hospital, row.scanner)).strip()
    return "source validation" if row.split == "val" else "source training"


def _moved(scan: NDArray[np.float32], roi: Roi, file: str) -> Roi | None:
    """A box of the same size beside the NT's, drawn by the file's name; None where no place tried would do."""
    height, width = scan.shape
    high, wide = roi.h_max - roi.h_min, roi.w_max - roi.w_min
    places = random.Random(file)
    for _ in range(_PLACES):
        top = places.uniform(0.1 * height, max(0.1 * height, 0.9 * height - high))
        left = places.uniform(0.1 * width, max(0.1 * width, 0.9 * width - wide))
        clear = top > roi.h_max + high / 2 or top + high < roi.h_min - high / 2
        clear = clear or left > roi.w_max or left + wide < roi.w_min
        moved = Roi(roi.structure, top, left, top + high, left + wide)
        inside = moved.h_max <= height and moved.w_max <= width
        if clear and inside and scan[moved.slices(height, width)].mean() >= _LEAST_MEAN_LEVEL:
            return moved
    return None


def _group(name: str, frames: Sequence[FrameReading]) -> GroupReadings:
    network = [each.network_scan for each in frames if each.network_scan is not None]
    restored = [each.reconstruction for each in frames if each.reconstruction is not None]
    pairs = [
        (each.reconstruction, each.network_scan)
        for each in frames
        if each.reconstruction is not None and each.network_scan is not None
    ]
    return GroupReadings(
        group=name,
        scan=coverage([each.scan for each in frames]),
        moved=coverage([each.moved for each in frames if each.moved is not None]),
        network_scan=coverage(network) if network else None,
        reconstruction=coverage(restored) if restored else None,
        scan_stated=_against_stated([(each.scan, each.stated_mm) for each in frames]),
        network_scan_stated=_against_stated([(each.network_scan, each.stated_mm) for each in frames]),
        reconstruction_stated=_against_stated([(each.reconstruction, each.stated_mm) for each in frames]),
        reconstruction_scan_px=agreement("px", ((one.thickness_px, two.thickness_px) for one, two in pairs)),
        reconstruction_scan_mm=agreement("mm", ((one.thickness_mm, two.thickness_mm) for one, two in pairs)),
    )


def _against_stated(pairs: Sequence[tuple[CaliperReading | None, float | None]]) -> Agreement | None:
    return agreement("mm", ((None if reading is None else reading.thickness_mm, stated) for reading, stated in pairs))
