"""The caliper's proof: phantoms whose NT is known exactly, over thickness, gain, speckle, tilt and point spread."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

import edge_nt
from edge_nt.caliper.caliper import measure_thickness
from edge_nt.errors import InputError
from edge_nt.imaging.letterbox import Preprocess, affine_for, letterbox, to_unit_range
from edge_nt.imaging.roi import Roi
from edge_nt.machine import describe_machine
from edge_nt.phantom.generate import Phantom, render_phantom
from edge_nt.phantom.style import Style, hospital_style
from edge_nt.results import now_utc
from edge_nt.workbench.caliper_agreement import agreement, coverage
from edge_nt.workbench.caliper_study_result import CaliperStudy, Factor, PhantomReading, Range, Size, StudyRow

LEAST_PHANTOMS = 60
_HOSPITALS = 6
_OUTLIER_MM = 0.3
_SIZES: tuple[Size, ...] = ("scan", "network", "half network")
_LEVELS: dict[Factor, tuple[float, ...]] = {
    "gain": (-12.0, -6.0, 6.0, 12.0),
    "speckle": (0.5, 0.8, 1.0),
    "tilt": (5.0, 10.0, 15.0, 20.0, 25.0),
    "point spread": (0.5, 1.5),
}
_THICKNESS_EDGES_MM = (0.8, 1.2, 1.8, 2.5, 3.5, 4.5)
_THICKNESS_EDGES_PX = (0.0, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, math.inf)


@dataclass(frozen=True)
class _Case:
    factor: Factor
    level: float | None
    hospital: int
    index: int


def study_caliper(phantoms: int, seed: int, on_phantom: Callable[[int, int], None] | None = None) -> CaliperStudy:
    """Render `phantoms` phantoms, half as drawn and half with one factor changed, and measure each at three sizes.

    Raises: InputError when there are too few of them for a table.
    """
    if phantoms < LEAST_PHANTOMS:
        raise InputError(expected=f"at least {LEAST_PHANTOMS} phantoms", got=f"{phantoms}", fix="pass --phantoms 900")
    cases = _cases(phantoms)
    readings: list[PhantomReading] = []
    for done, case in enumerate(cases, start=1):
        readings.extend(_readings(case, seed))
        if on_phantom is not None:
            on_phantom(done, len(cases))
    times: dict[str, float] = {size: median(each.read_ms for each in readings if each.size == size) for size in _SIZES}
    rows = tuple(_rows(readings))
    return CaliperStudy(
        kind="edge-nt caliper study",
        schema_version=1,
        seed=seed,
        phantoms=len(cases),
        rows=rows,
        read_ms_median=times,
        outliers=_outliers(readings, rows),
        machine=describe_machine(),
        edge_nt_version=edge_nt.__version__,
        measured_utc=now_utc(),
    )


def _cases(phantoms: int) -> list[_Case]:
    levels: list[tuple[Factor, float]] = [(factor, level) for factor, each in _LEVELS.items() for level in each]
    drawn = phantoms // 2
    cases = [_Case("as drawn", None, number % _HOSPITALS, number // _HOSPITALS) for number in range(drawn)]
    # The same phantoms at every level, so that a level is the only thing that differs.
    for number in range(phantoms - drawn):
        factor, level = levels[number % len(levels)]
        picture = number // len(levels)
        cases.append(_Case(factor, level, picture % _HOSPITALS, picture // _HOSPITALS))
    return cases


def _readings(case: _Case, seed: int) -> Iterator[PhantomReading]:
    tilt = math.radians(case.level) if case.factor == "tilt" and case.level is not None else None
    phantom = render_phantom(seed, case.hospital, case.index, style=_style(case), overlays=False, tilt_rad=tilt)
    for size in _SIZES:
        image, roi, spacing = _at_size(phantom, size)
        start = perf_counter()
        reading = measure_thickness(image, roi, spacing)
        read_ms = (perf_counter() - start) * 1e3
        true_mm = phantom.thickness_mm
        yield PhantomReading(
            size, case.factor, case.level, case.hospital, case.index, spacing[0], true_mm, true_mm / spacing[0],
            reading, read_ms,
        )  # fmt: skip


def _style(case: _Case) -> Style:
    style, level = hospital_style(case.hospital), case.level
    if level is None or case.factor == "tilt":
        return style
    if case.factor == "gain":
        return replace(style, gain_db=style.gain_db + level)
    if case.factor == "speckle":
        return replace(style, speckle=level)
    return replace(style, axial_psf_mm=style.axial_psf_mm * level)


def _at_size(phantom: Phantom, size: Size) -> tuple[NDArray[np.float32], Roi, tuple[float, float]]:
    """Image in [0, 1], the NT's box and the spacing at one size."""
    pixels, roi = phantom.frame.pixels, phantom.boxes[0].roi
    mm_per_px = phantom.pose.mm_per_px
    if size == "scan":
        return to_unit_range(pixels[None])[0, 0], roi, (mm_per_px, mm_per_px)
    preprocess = Preprocess()
    affine = affine_for(*pixels.shape, preprocess)
    image, box = to_unit_range(letterbox(pixels, preprocess)[None])[0, 0], affine.to_network(roi)
    vertical, horizontal = affine.network_mm_per_px(mm_per_px)
    if size == "network":
        return image, box, (vertical, horizontal)
    halved = cv2.resize(image, (preprocess.width // 2, preprocess.height // 2), interpolation=cv2.INTER_AREA)
    half_box = Roi(box.structure, box.h_min / 2, box.w_min / 2, box.h_max / 2, box.w_max / 2)
    return np.asarray(halved, np.float32), half_box, (2 * vertical, 2 * horizontal)


def _outliers(readings: Sequence[PhantomReading], rows: Sequence[StudyRow]) -> tuple[PhantomReading, ...]:
    biases = {row.size: row.mm.bias for row in rows if row.name == "all" and row.mm is not None}
    return tuple(
        each
        for each in readings
        if each.reading.thickness_mm is not None
        and abs(each.reading.thickness_mm - each.true_mm - biases.get(each.size, 0.0)) > _OUTLIER_MM
    )


def _rows(readings: Sequence[PhantomReading]) -> Iterator[StudyRow]:
    for size in _SIZES:
        drawn = [each for each in readings if each.size == size and each.factor == "as drawn"]
        yield _row(size, "thickness", "all", drawn)
        for low, high in pairwise(_THICKNESS_EDGES_MM):
            of_range = [each for each in drawn if low <= each.true_mm < high]
            yield _row(size, "thickness", f"{low:g} to {high:g} mm", of_range)
        for factor, levels in _LEVELS.items():
            for level in levels:
                chosen = [each for each in readings if (each.size, each.factor, each.level) == (size, factor, level)]
                yield _row(size, "factor", f"{factor} {level:g}", chosen)
    every = [each for each in readings if each.factor == "as drawn"]
    for size in _SIZES:
        for low, high in pairwise(_THICKNESS_EDGES_PX):
            of_range = [each for each in every if each.size == size and low <= each.true_px < high]
            if of_range:
                yield _row(size, "thickness in pixels", f"{low:g} to {high:g} px", of_range)


def _row(size: Size, table: Range, name: str, readings: Sequence[PhantomReading]) -> StudyRow:
    return StudyRow(
        size=size,
        table=table,
        name=name,
        coverage=coverage([each.reading for each in readings]),
        mm=agreement("mm", ((each.reading.thickness_mm, each.true_mm) for each in readings)),
        px=agreement("px", ((each.reading.thickness_px, each.true_px) for each in readings)),
    )
