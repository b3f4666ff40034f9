"""How one phantom hospital's scanner draws: frame, spacing, beam, speckle, gray map and burned-in overlays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from edge_nt.errors import InputError

Side = Literal["left", "right"]

# Published frame sizes of first-trimester scans, (height, width) in px; neighbours differ in aspect.
_FRAMES_PX = ((450, 640), (480, 700), (540, 690), (480, 690), (432, 720))
# Styles belong to the hospital, not to the run's seed: phantom-a looks like phantom-a in every data set.
_STYLE_ENTROPY = 0x6E75_6368_616C


@dataclass(frozen=True)
class Style:
    """The look of one hospital.

    Frame in px; `mm_per_px` is its usual spacing. `apex_height` is the sector's apex above the frame in frame
    heights; `sector_half_width` the sector's half width at 70 % of the frame's height, in frame widths; `near_field`
    where the sector starts, in frame heights. `axial_psf_mm` and `lateral_psf_mm` are standard deviations of the point
    spread at `focus` (0 top, 1 bottom). `speckle` is 1 for fully developed speckle (Rayleigh), below 1 where the
    scanner reduces it. Levels in dB: `gain_db`, `dynamic_range_db`, `noise_floor_db`; `attenuation_db_per_mm` is what
    the time gain leaves over.
    """

    frame_height_px: int
    frame_width_px: int
    mm_per_px: float
    apex_height: float
    sector_half_width: float
    near_field: float
    axial_psf_mm: float
    lateral_psf_mm: float
    focus: float
    speckle: float
    gain_db: float
    dynamic_range_db: float
    gray_gamma: float
    noise_floor_db: float
    attenuation_db_per_mm: float
    text_side: Side
    bar_side: Side
    ruler_side: Side
    top_bar: bool
    thumbnail: bool

    def __post_init__(self) -> None:
        sizes = (self.frame_height_px, self.frame_width_px, self.mm_per_px, self.axial_psf_mm, self.lateral_psf_mm)
        if min(sizes) <= 0 or self.dynamic_range_db <= 0 or not 0 <= self.speckle <= 1:
            raise InputError(
                expected="a phantom style with sizes and dynamic range above 0 and speckle in [0, 1]",
                got=f"{self}",
                fix="take one from edge_nt.phantom.style.hospital_style",
            )


@cache
def hospital_style(hospital: int) -> Style:
    """The style of phantom hospital number `hospital` (0 is phantom-a), always the same for the same number."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(_STYLE_ENTROPY, spawn_key=(hospital,))))
    # Stratified by the number, so that the first few hospitals already differ as much as real ones do.
    third = (hospital % 3) / 2.0
    height, width = _FRAMES_PX[hospital % len(_FRAMES_PX)]
    sides: tuple[Side, Side] = ("left", "right")
    text_side = sides[(hospital + 1) % 2 if hospital % 3 < 2 else 0]
    return Style(
        frame_height_px=height,
        frame_width_px=width,
        mm_per_px=float(rng.uniform(0.082, 0.092) * 690 / width),
        apex_height=float(rng.uniform(0.45, 1.5)),
        sector_half_width=(0.5, 0.56, 0.7)[hospital % 3] + float(rng.uniform(-0.02, 0.02)),
        near_field=float(rng.choice([0.0, 0.04])),
        axial_psf_mm=float(rng.uniform(0.09, 0.105) + 0.03 * third),
        lateral_psf_mm=float(rng.uniform(0.20, 0.27) + 0.14 * third),
        focus=float(rng.uniform(0.45, 0.75)),
        speckle=float(rng.uniform(0.75, 0.97)),
        gain_db=float(rng.uniform(-1.5, 1.5) + (0.0, 7.0, -4.0)[hospital % 3]),
        dynamic_range_db=float(rng.uniform(-2.0, 2.0) + (54.0, 44.0, 50.0)[hospital % 3]),
        gray_gamma=float(rng.uniform(1.05, 1.45)),
        noise_floor_db=float(rng.uniform(-60.0, -52.0)),
        attenuation_db_per_mm=float(rng.uniform(0.02, 0.16)),
        text_side=text_side,
        bar_side=sides[hospital // 2 % 2],
        ruler_side="left" if text_side == "right" else "right",
        top_bar=hospital % 3 == 1,
        thumbnail=hospital % 3 != 2,
    )
