"""Phantom scans and phantom dataset folders, seeded: image i of a hospital depends on seed, hospital and i alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from edge_nt.atomic import atomic_folder
from edge_nt.datasets.dataset import Box, Dataset, Row, Split, write_dataset
from edge_nt.datasets.folder_entries import strangers
from edge_nt.errors import InputError
from edge_nt.imaging.frame import Frame
from edge_nt.imaging.roi import Roi
from edge_nt.phantom.band import Points
from edge_nt.phantom.fetus import Fetus, draw_fetus
from edge_nt.phantom.overlays import Caption, burn_overlays
from edge_nt.phantom.pose import Pose, draw_pose
from edge_nt.phantom.sector import draw_sector
from edge_nt.phantom.speckle import render_scan
from edge_nt.phantom.style import Style, hospital_style
from edge_nt.phantom.tissue import paint

NT = "NT"
NASAL_BONE = "nasal bone"
MOST_HOSPITALS = 26
MOST_PER_HOSPITAL = 9999
# Every seventh image validates, the second one first: about 15 %, and never a matter of how many there are.
_VAL_PERIOD, _VAL_PHASE = 7, 1
_PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 4)
_NAME = "SYNTHETIC phantoms"


@dataclass(frozen=True)
class Phantom:
    """One phantom scan with its truth.

    `boxes` are of "NT" (with `thickness_mm`) and "nasal bone", in frame pixels; `fetus` and `pose` are the geometry
    that they were taken from; `style` is the hospital's.
    """

    frame: Frame
    boxes: tuple[Box, ...]
    thickness_mm: float
    row: Row
    fetus: Fetus
    pose: Pose
    style: Style


def hospital_name(hospital: int) -> str:
    """`phantom-a` for 0, `phantom-b` for 1, up to `phantom-z`."""
    return f"phantom-{chr(ord('a') + hospital)}"


def render_phantom(
    seed: int,
    hospital: int,
    index: int,
    *,
    style: Style | None = None,
    overlays: bool = True,
    tilt_rad: float | None = None,
) -> Phantom:
    """Render image `index` (from 0) of phantom hospital number `hospital` (from 0).

    `style` replaces the hospital's own look, `overlays=False` leaves text and rulers away (for measuring; such a
    frame does not say SYNTHETIC, so do not publish it), `tilt_rad` replaces the fetus' tilt in the frame. The geometry
    in mm stays the same for the same numbers.
    Raises: InputError when a number is out of range.
    """
    _check_range("seed", seed, 0, 2**63 - 1)
    _check_range("hospital number", hospital, 0, MOST_HOSPITALS - 1)
    _check_range("image index", index, 0, MOST_PER_HOSPITAL - 1)
    look = hospital_style(hospital) if style is None else style
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(hospital, index))))
    mm_per_px = look.mm_per_px * float(rng.uniform(0.93, 1.07))
    sector = draw_sector(rng, look)
    # The sector is narrowest where the band is highest: half way down the frame at the least.
    widest_px = min(look.frame_width_px, 2 * sector.half_width_px(0.55 * look.frame_height_px))
    fetus = draw_fetus(rng, longest_band_mm=0.8 * widest_px * mm_per_px)
    pose = draw_pose(rng, fetus, sector, look, mm_per_px, tilt_rad=tilt_rad)
    row = _row(hospital, index, mm_per_px)
    boxes = _boxes(rng, row.file, fetus, pose)
    echoes = paint(fetus, pose, look.frame_height_px, look.frame_width_px, rng)
    per_image = replace(look, mm_per_px=mm_per_px, gain_db=look.gain_db + float(rng.uniform(-2.0, 2.0)))
    pixels = render_scan(echoes, sector, per_image, rng)
    if overlays:
        burn_overlays(pixels, per_image, Caption(row.hospital, row.patient, mm_per_px), boxes[0].roi)
    frame = Frame(pixels, row.patient, mm_per_px)
    return Phantom(frame, boxes, fetus.band.thickness_mm, row, fetus, pose, per_image)


def write_phantoms(
    out: Path,
    *,
    hospitals: int,
    per_hospital: int,
    seed: int,
    on_image: Callable[[], None] | None = None,
    shrink: int = 1,
) -> Dataset:
    """Write a phantom dataset folder to `out`, whole or not at all; an older phantom folder there is replaced.

    `on_image` is called after each image. `shrink` divides the frames' sides and multiplies `mm_per_px`.
    Raises: InputError when a number is out of range or `out` holds something else than phantoms.
    """
    _check_range("number of hospitals", hospitals, 1, MOST_HOSPITALS)
    _check_range("number of images a hospital", per_hospital, 1, MOST_PER_HOSPITAL)
    _check_range("seed", seed, 0, 2**63 - 1)
    _check_range("shrink factor", shrink, 1, 2)
    _refuse_foreign_folder(out)
    with atomic_folder(out.resolve()) as folder:
        rows, boxes = [], {}
        for hospital in range(hospitals):
            style = _shrunk(hospital_style(hospital), shrink)
            for index in range(per_hospital):
                phantom = render_phantom(seed, hospital, index, style=style)
                _write_png(folder / phantom.row.file, phantom.frame)
                rows.append(phantom.row)
                boxes[phantom.row.file] = phantom.boxes
                if on_image is not None:
                    on_image()
        source = f"write_phantoms(hospitals={hospitals}, per_hospital={per_hospital}, seed={seed}, shrink={shrink})"
        dataset = Dataset(folder, _NAME, "CC0-1.0", source, True, tuple(rows), boxes)
        write_dataset(dataset)
    return replace(dataset, root=out)


def _shrunk(style: Style, factor: int) -> Style:
    return replace(
        style,
        frame_height_px=style.frame_height_px // factor,
        frame_width_px=style.frame_width_px // factor,
        mm_per_px=style.mm_per_px * factor,
    )


def _row(hospital: int, index: int, mm_per_px: float) -> Row:
    name = hospital_name(hospital)
    patient = f"{name}-{index + 1:04d}"
    split: Split = "val" if index % _VAL_PERIOD == _VAL_PHASE else "train"
    return Row(f"images/{patient}.png", name, f"{name}-scanner", patient, split, mm_per_px)


def _boxes(rng: np.random.Generator, file: str, fetus: Fetus, pose: Pose) -> tuple[Box, Box]:
    """Boxes as people draw them: around both lines of the NT, and around the nasal bone, with a small margin."""
    margin_mm = rng.uniform(0.08, 0.3, 2)
    band_roi = _around(NT, fetus.band.contour(), float(margin_mm[0]), pose)
    reach_mm = float(margin_mm[1]) + fetus.nasal_bone_width_mm / 2
    bone_roi = _around(NASAL_BONE, fetus.nasal_bone_mm, reach_mm, pose)
    return Box(file, band_roi, fetus.band.thickness_mm), Box(file, bone_roi)


def _around(structure: str, points_mm: Points, margin_mm: float, pose: Pose) -> Roi:
    points, margin = pose.to_px(points_mm), margin_mm / pose.mm_per_px
    (left, top), (right, bottom) = points.min(axis=0) - margin, points.max(axis=0) + margin
    return Roi(structure, float(top), float(left), float(bottom), float(right))


def _write_png(path: Path, frame: Frame) -> None:
    path.parent.mkdir(exist_ok=True)
    _, encoded = cv2.imencode(".png", frame.pixels, _PNG_OPTIONS)
    path.write_bytes(encoded.tobytes())


def _refuse_foreign_folder(out: Path) -> None:
    """Replacing a folder deletes what was in it: only an empty one or an older phantom data set may go."""
    if out.is_dir():
        if not any(out.iterdir()) or (not strangers(out) and _is_ours(out / "dataset.json")):
            return
    elif not out.exists():
        return
    raise InputError(
        expected="a new or empty folder for the phantoms, or an older phantom data set",
        got=f"something else at {out}",
        fix="pass another folder as --out",
    )


def _is_ours(path: Path) -> bool:
    """Whether these are phantoms of this module: other synthetic scans are somebody's work."""
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return (
        isinstance(info, dict) and info.get("name") == _NAME and str(info.get("source")).startswith("write_phantoms(")
    )


def _check_range(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InputError(expected=f"a {what} from {low} to {high}", got=f"{value}", fix="pass a number in that range")
