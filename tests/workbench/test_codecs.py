"""Codecs at equal bytes: payloads against the formats' own structure, the search against trying everything."""

import subprocess
import sys
from pathlib import Path

import block_bundle
import cv2
import imagecodecs
import numpy as np
import pytest

from edge_nt.bench.codec_result import Codecs, CodingResult
from edge_nt.datasets.dataset import read_dataset
from edge_nt.errors import InputError
from edge_nt.imaging.roi import Roi
from edge_nt.metrics.bootstrap import Interval
from edge_nt.metrics.roi_metrics import image_metrics
from edge_nt.runtime.reconstructor import load_unjudged
from edge_nt.workbench.codec_search import SHRINKS, best_within, bytes_for_roi_mae
from edge_nt.workbench.codecs import compare_codecs, winner
from edge_nt.workbench.picture_codecs import PictureCodec, avif_payload, picture_codecs, webp_payload

ROI = Roi("NT", 80.0, 100.0, 110.0, 170.0)


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    return block_bundle.scan(3)


@pytest.fixture(scope="module")
def small_codecs() -> dict[str, PictureCodec]:
    """The real codecs without their slowest effort, which changes bytes by percents and time by a factor of ten."""
    return {
        codec.name: PictureCodec(
            codec.name, codec.version, codec.qualities[::8],
            lambda pixels, quality, _careful, codec=codec: codec.encode(pixels, quality, False),
            codec.decode, codec.payload,
        )
        for codec in picture_codecs()
    }  # fmt: skip


def test_payloads_are_the_file_without_its_container(frame: np.ndarray) -> None:
    avif, webp, jpegxl = picture_codecs()
    file = avif.encode(frame, 30.0, False)
    # An AVIF still's AV1 stream starts with a temporal delimiter or a sequence header and ends with the file.
    at = file.index(b"mdat") + 4
    assert avif.payload(file) == len(file) - at
    assert file[at] in (0x12, 0x0A)
    file = webp.encode(frame, 30.0, False)
    assert file[:4] == b"RIFF"
    assert file[12:16] == b"VP8 "
    assert len(file) - 20 - 1 <= webp.payload(file) <= len(file) - 20
    file = jpegxl.encode(frame, -5.0, False)
    assert file[:2] == b"\xff\x0a"  # a bare codestream
    assert jpegxl.payload(file) == len(file)


def test_avif_is_coded_without_chroma_and_with_loss(frame: np.ndarray) -> None:
    file = picture_codecs()[0].encode(frame, 30.0, False)
    assert imagecodecs.avif_decode(file).ndim == 2
    # av1C's third byte: the flag of a monochrome stream.
    assert file[file.index(b"av1C") + 6] & 0x10
    assert len(file) < frame.size / 20


def test_damaged_containers_are_refused_or_counted_to_their_end() -> None:
    with pytest.raises(ValueError, match="AVIF"):
        avif_payload(bytes(32))
    assert webp_payload(b"RIFF\0\0\0\0WEBP") == 0


@pytest.mark.parametrize("name", ["AVIF", "WebP", "JPEG XL"])
def test_the_search_finds_what_trying_everything_finds(
    small_codecs: dict[str, PictureCodec], frame: np.ndarray, name: str
) -> None:
    codec, budget = small_codecs[name], 256
    best = best_within(codec, frame, budget)
    tried = []
    for shrink in SHRINKS:
        size = round(256 / shrink), round(192 / shrink)
        small = frame if shrink == 1 else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        for quality in codec.qualities:
            file = codec.encode(small, quality, False)
            if codec.payload(file) <= budget:
                back = cv2.resize(codec.decode(file), (256, 192), interpolation=cv2.INTER_LANCZOS4)
                tried.append(float(np.mean((back.astype(float) - frame) ** 2)))
    assert best is not None
    assert best.payload_bytes <= budget < frame.size
    error = float(np.mean((best.pixels.astype(float) - frame) ** 2))
    # Bytes rise with quality but for a few steps, which bisection may stumble over.
    assert error <= min(tried) * 1.1


def test_a_budget_that_nothing_fits_gives_none(small_codecs: dict[str, PictureCodec], frame: np.ndarray) -> None:
    assert best_within(small_codecs["WebP"], frame, 8) is None


def test_fewer_bytes_are_needed_for_a_larger_error(small_codecs: dict[str, PictureCodec], frame: np.ndarray) -> None:
    needed = [bytes_for_roi_mae(small_codecs["AVIF"], frame, ROI, mae) for mae in (0.01, 0.03, 0.1)]
    assert needed == sorted(needed, reverse=True)
    assert needed[0] > needed[2]
    assert bytes_for_roi_mae(small_codecs["WebP"], block_bundle.scan(4), ROI, 1e-6) is None


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory, small_codecs: dict[str, PictureCodec]) -> Codecs:
    root = tmp_path_factory.mktemp("codecs")
    bundles = [block_bundle.write(root / "plain"), block_bundle.write(root / "brighter", offset=0.1)]
    dataset = read_dataset(block_bundle.write_scans(root / "scans"))
    ticks: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        # Real codecs at their quick effort; WebP is given settings of which none fits the budget.
        webp = small_codecs["WebP"]
        large = PictureCodec("WebP", webp.version, (99.0,), webp.encode, lambda _file: block_bundle.scan(0), len)
        chosen = (small_codecs["AVIF"], large, small_codecs["JPEG XL"])
        patch.setattr("edge_nt.workbench.codecs.picture_codecs", lambda: chosen)
        patch.setattr("edge_nt.workbench.codec_search.SHRINKS", (1.0, 4.0, 8.0))
        found = compare_codecs([load_unjudged(each) for each in bundles], dataset, lambda *tick: ticks.append(tick))
    assert ticks == [(done, 24) for done in range(1, 25)]
    return found


def _one(comparison: Codecs, coder: str, group: str) -> CodingResult:
    return next(each for each in comparison.results if each.coder.startswith(coder) and each.group == group)


def test_every_coder_is_measured_on_both_groups(comparison: Codecs) -> None:
    groups = {each.group for each in comparison.results}
    assert groups == {"source validation", "held-out north"}
    assert len(comparison.results) == 5 * 2
    assert comparison.budget_bytes == 256
    assert {each.images for each in comparison.results} == {4}


def test_ours_is_the_latent_through_float16(comparison: Codecs, tmp_path: Path) -> None:
    bundle = load_unjudged(block_bundle.write(tmp_path / "again"))
    dataset = read_dataset(block_bundle.write_scans(tmp_path / "scans"))
    expected = []
    for row in (row for row in dataset.rows if row.hospital == "north"):
        shown = bundle.score_file(dataset.path(row))
        latent = shown.latent.astype(np.float16).astype(np.float32)[None]
        decoded = np.clip(bundle.session.decode(latent)[0, 0], 0, 1)
        expected.append(image_metrics(shown.network_input.astype(np.float32) / 255, decoded, ()).psnr_db)
    metric = next(each for each in _one(comparison, "ours plain", "held-out north").metrics if each.metric == "psnr_db")
    assert metric.mean.estimate == pytest.approx(np.mean(expected), rel=1e-6)


def test_what_does_not_fit_is_counted_and_in_no_mean(comparison: Codecs) -> None:
    result = _one(comparison, "WebP", "held-out north")
    assert result.did_not_fit == 4
    assert result.metrics == ()


def test_differences_are_against_ours_and_the_winner_follows_their_interval(comparison: Codecs) -> None:
    for group in ("source validation", "held-out north"):
        ours = {each.metric: each for each in _one(comparison, "ours plain", group).metrics}
        assert all(each.against_ours is None and each.winner is None for each in ours.values())
        for coder in ("AVIF", "JPEG XL"):
            for each in _one(comparison, coder, group).metrics:
                difference = each.against_ours
                assert difference is not None
                assert difference.estimate == pytest.approx(each.mean.estimate - ours[each.metric].mean.estimate)
                better = difference.low > 0 if each.higher_is_better else difference.high < 0
                worse = difference.high < 0 if each.higher_is_better else difference.low > 0
                assert each.winner == ("codec" if better else "ours" if worse else "neither")
    brighter = next(each for each in _one(comparison, "ours brighter", group).metrics if each.metric == "roi_mae")
    assert brighter.against_ours is not None
    assert brighter.against_ours.low > 0


@pytest.mark.parametrize(
    ("low", "high", "if_higher_is_better", "if_lower_is_better"),
    [
        (0.1, 0.2, "codec", "ours"),
        (-0.2, -0.1, "ours", "codec"),
        (-0.1, 0.2, "neither", "neither"),
        (0.0, 0.2, "neither", "neither"),
        (-0.2, 0.0, "neither", "neither"),
    ],
)
def test_who_is_better_needs_the_whole_interval(
    low: float, high: float, if_higher_is_better: str, if_lower_is_better: str
) -> None:
    interval = Interval((low + high) / 2, low, high, 9, 0.95)
    assert winner(interval, higher_is_better=True) == if_higher_is_better
    assert winner(interval, higher_is_better=False) == if_lower_is_better


def test_latents_beyond_float16_are_refused(tmp_path: Path) -> None:
    bundle = block_bundle.write(tmp_path / "loud", latent_gain=1e6)
    dataset = read_dataset(block_bundle.write_scans(tmp_path / "scans"))
    with pytest.raises(InputError, match="float16"):
        compare_codecs([load_unjudged(bundle)], dataset, lambda _done, _total: None)


def test_without_imagecodecs_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['imagecodecs'] = None\n"
        "from edge_nt.workbench.picture_codecs import picture_codecs\n"
        "from edge_nt.errors import MissingDependencyError\n"
        "try: picture_codecs()\n"
        "except MissingDependencyError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "edge-nt[peers]" in done.stdout
