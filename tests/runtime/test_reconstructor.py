from dataclasses import replace
from pathlib import Path

import block_bundle
import cv2
import numpy as np
import pytest

from edge_nt.bundle.read import read_bundle
from edge_nt.errors import InputError
from edge_nt.imaging.frame import Frame
from edge_nt.imaging.letterbox import letterbox
from edge_nt.runtime import Reconstructor, load


def test_three_lines_score_a_file(bundle_folder: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "scan.png"), block_bundle.scan(7, 450, 640))
    result = load(bundle_folder).score_file(tmp_path / "scan.png")
    assert result.source == str(tmp_path / "scan.png")
    assert result.ood_score > 0
    assert result.latent.shape == (128,)
    assert result.image.shape == (192, 256)
    assert result.source_image().shape == (450, 640)
    assert result.source_image().dtype == np.uint8


def test_the_network_sees_the_one_preprocessing(bundle_folder: Path) -> None:
    reconstructor = load(bundle_folder)
    pixels = block_bundle.scan(3, 480, 500)
    result = reconstructor(Frame(pixels, "a frame"))
    boxed = letterbox(pixels, reconstructor.bundle.manifest.preprocess)
    np.testing.assert_array_equal(result.network_input, boxed)
    means = boxed.reshape(8, 24, 16, 16).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(result.latent, means.ravel(), rtol=1e-4)
    np.testing.assert_allclose(result.image, np.kron(np.rint(means * 255), np.ones((24, 16))), atol=1)


def test_a_frame_like_training_is_in_and_noise_is_out(bundle_folder: Path) -> None:
    reconstructor = load(bundle_folder)
    similar = reconstructor(Frame(block_bundle.scan(900, 192, 256), "similar"))
    checks = (np.indices((192, 256)) // np.array([24, 16])[:, None, None]).sum(axis=0) % 2 * 255
    strange = reconstructor(Frame(checks.astype(np.uint8), "checkerboard"))
    assert similar.in_distribution
    assert similar.ood_score <= similar.ood_threshold
    assert not strange.in_distribution
    assert strange.ood_score > strange.ood_threshold
    assert (similar.ood.score, similar.ood.threshold) == (similar.ood_score, similar.ood_threshold)
    black = reconstructor(Frame(np.zeros((192, 256), np.uint8), "black"))
    assert not black.in_distribution
    assert black.ood.reason == "signals: black share high"


def test_output_beyond_the_gray_range_is_clipped(tmp_path: Path) -> None:
    result = load(block_bundle.write(tmp_path / "b", offset=0.9))(Frame(block_bundle.scan(1), "f"))
    assert result.network_output.max() == 1.0
    assert result.image.max() == 255


def test_every_stage_is_timed(bundle_folder: Path) -> None:
    times = load(bundle_folder, threads=1)(Frame(block_bundle.scan(1), "f")).times
    stages = (times.preprocess_ms, times.encode_ms, times.decode_ms, times.score_ms)
    assert min(stages) > 0
    assert times.total_ms == pytest.approx(sum(stages))


@pytest.mark.parametrize("where", ["encode", "decode"])
def test_nan_from_a_graph_is_refused_not_scored(bundle_folder: Path, where: str) -> None:
    class Broken:
        """A session whose arithmetic overflowed."""

        def encode(self, images: np.ndarray) -> np.ndarray:
            return np.full((len(images), 128), np.nan if where == "encode" else 0, np.float32)

        def decode(self, latents: np.ndarray) -> np.ndarray:
            return np.full((len(latents), 1, 192, 256), np.nan, np.float32)

    with pytest.raises(InputError, match="NaN or infinity for a frame"):
        Reconstructor(read_bundle(bundle_folder), Broken())(Frame(block_bundle.scan(1), "a frame"))


def test_a_score_that_is_no_number_is_refused(bundle_folder: Path) -> None:
    bundle = read_bundle(bundle_folder)
    latent = replace(bundle.ood.latent, whitening=bundle.ood.latent.whitening * 1e200)
    reconstructor = load(bundle_folder)
    broken = replace(bundle, ood=replace(bundle.ood, latent=latent))
    with np.errstate(over="ignore"), pytest.raises(InputError, match="finite OOD scores"):
        Reconstructor(broken, reconstructor.session)(Frame(block_bundle.scan(1), "a frame"))
