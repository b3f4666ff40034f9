"""Ruler and printed distance of Philips frames: drawn ones, doubtful ones, and every one of the real release."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from philips_overlay import draw_frame

from edge_nt.datasets.philips_frame import PhilipsFrame, read_philips_frame
from edge_nt.imaging.decode import decode_image


@pytest.mark.parametrize("first_px", [20.0, 33.5, 61.25])
@pytest.mark.parametrize(
    ("pitch_px", "dash_every", "mm"), [(116.3, 5, 10), (141.0, 5, 10), (82.5, 5, 10), (58.1, 2, 5)]
)
def test_the_ruler_gives_the_spacing(pitch_px: float, dash_every: int, mm: float, first_px: float) -> None:
    frame = read_philips_frame(draw_frame(pitch_px, first_px, dash_every, "0145"))
    assert frame.mm_per_px == pytest.approx(mm / pitch_px, rel=0.005)


@pytest.mark.parametrize("printed", ["0145", "0099", "0111", "0342", "0678", "1203"])
def test_the_printed_distance_is_read(printed: str) -> None:
    assert read_philips_frame(draw_frame(116.0, 30, 5, printed)).distance_mm == pytest.approx(int(printed) / 100)


def test_one_missing_mark_of_many_does_not_matter() -> None:
    frame = read_philips_frame(draw_frame(58.0, 31, 2, "0145", missing=(3,)))
    assert frame.mm_per_px == pytest.approx(5 / 58, rel=0.005)


def test_what_is_in_doubt_is_not_read() -> None:
    uneven = draw_frame(116.0, 30, 5, "0145")
    uneven[300:302, 577:579] = 250
    uneven[210:212, 577:579] = 250
    assert read_philips_frame(uneven).mm_per_px is None
    assert read_philips_frame(draw_frame(230.0, 100, 5, "0145")).mm_per_px is None, "two marks are no ruler"
    smeared = draw_frame(116.0, 30, 5, "0145")
    smeared[429:442, 110:119] = np.random.default_rng(1).integers(0, 255, (13, 9))
    assert read_philips_frame(smeared).distance_mm is None
    assert read_philips_frame(np.zeros((450, 640), np.uint8)) == PhilipsFrame(None, None)
    assert read_philips_frame(draw_frame(116.0, 30, 5, "0145")[:449]) == PhilipsFrame(None, None)


def test_bars_too_thick_for_marks_are_no_ruler_and_no_error() -> None:
    pixels = draw_frame(116.0, 30, 5, "0145")
    pixels[:, 574:579] = 10
    for top in (100, 216, 332):
        pixels[top : top + 5, 577:579] = 250
    assert read_philips_frame(pixels).mm_per_px is None


@pytest.mark.real
def test_every_frame_of_the_release_reads_as_transcribed_by_eye() -> None:
    if "EDGE_NT_REAL_DATA" not in os.environ:
        pytest.skip("EDGE_NT_REAL_DATA names no folder of real scans")
    source = Path(os.environ["EDGE_NT_REAL_DATA"]) / "dataset-for-fetus-framework"
    with (Path(__file__).parent / "philips_transcription.csv").open(encoding="utf-8") as table:
        stated = {raw["fname"]: float(raw["distance_mm"]) for raw in csv.DictReader(table)}
    with (source / "sites.csv").open(encoding="utf-8") as table:
        names = [raw["fname"] for raw in csv.DictReader(table) if raw["scanner"] == "philips"]
    paths = {path.name: path for path in source.glob("*/Standard/*.png")}
    frames = {name: read_philips_frame(decode_image(paths[name]).pixels) for name in names if name in paths}
    assert {name: frame.distance_mm for name, frame in frames.items() if frame.distance_mm} == pytest.approx(stated)
    spacings = [frame.mm_per_px for frame in frames.values() if frame.mm_per_px is not None]
    assert (len(frames), len(stated), len(spacings)) == (108, 105, 103)
    assert 0.06 < min(spacings) < max(spacings) < 0.13
