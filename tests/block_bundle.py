"""A bundle small enough for tests, real in every part: 128 block means are the latent, the decoder enlarges them."""

from pathlib import Path

import cv2
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from edge_nt.bundle.golden_vectors import GoldenVectors
from edge_nt.bundle.manifest import (
    BundleManifest,
    CalibrationImage,
    CalibrationProvenance,
    Quantisation,
    targets_of,
)
from edge_nt.bundle.write import write_bundle
from edge_nt.datasets.dataset import Box, Dataset, Row, write_dataset
from edge_nt.imaging.letterbox import Preprocess, to_unit_range
from edge_nt.imaging.roi import Roi
from edge_nt.ood.combined import CombinedOodModel, frame_figures, signals_of
from edge_nt.ood.combined_fit import fit_combined
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession

HEIGHT, WIDTH, ROWS, COLUMNS = 192, 256, 8, 16
LATENT_DIM = ROWS * COLUMNS
HELD_OUT, SOURCES = "north", ("east", "west")


def _model(nodes: list, inputs: tuple, outputs: tuple, constants: dict[str, np.ndarray]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "blocks",
        [helper.make_tensor_value_info(inputs[0], TensorProto.FLOAT, inputs[1])],
        [helper.make_tensor_value_info(outputs[0], TensorProto.FLOAT, outputs[1])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def encoder_onnx(latent_gain: float = 1.0, *, latent_name: str = "latent", batch: object = 1) -> bytes:
    """Frame (1, 1, 192, 256) → its 8x16 block means (1, 128), times a gain."""
    block = [HEIGHT // ROWS, WIDTH // COLUMNS]
    nodes = [
        helper.make_node("AveragePool", ["frame"], ["means"], kernel_shape=block, strides=block),
        helper.make_node("Mul", ["means", "gain"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], [latent_name]),
    ]
    constants = {"gain": np.array(latent_gain, np.float32), "shape": np.array([-1, LATENT_DIM], np.int64)}
    return _model(nodes, ("frame", [batch, 1, HEIGHT, WIDTH]), (latent_name, [batch, LATENT_DIM]), constants)


def decoder_onnx(offset: float = 0.0, gain: float = 1.0) -> bytes:
    """Latent (1, 128) → every mean, times a gain, enlarged to its block, plus an offset in [0, 1] gray."""
    nodes = [
        helper.make_node("Reshape", ["latent", "shape"], ["blocks"]),
        helper.make_node("Mul", ["blocks", "gain"], ["means"]),
        helper.make_node("Add", ["means", "offset"], ["moved"]),
        helper.make_node("Resize", ["moved", "", "scales"], ["reconstruction"], mode="nearest"),
    ]
    constants = {
        "shape": np.array([1, 1, ROWS, COLUMNS], np.int64),
        "gain": np.array(gain, np.float32),
        "offset": np.array(offset, np.float32),
        "scales": np.array([1, 1, HEIGHT // ROWS, WIDTH // COLUMNS], np.float32),
    }
    return _model(nodes, ("latent", [1, LATENT_DIM]), ("reconstruction", [1, 1, HEIGHT, WIDTH]), constants)


def scan(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A seeded picture of soft blobs, uint8 (height, width)."""
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 12)
    return cv2.normalize(blurred, None, 20, 230, cv2.NORM_MINMAX).astype(np.uint8)


def fit(session: OnnxRuntimeSession, quantile: float = 0.95) -> CombinedOodModel:
    """OOD statistics of 60 pictures of two hospitals, with 20 more for calibration and threshold."""
    frames = np.stack([scan(seed) for seed in range(80)])
    latents = session.encode(to_unit_range(frames))
    outputs = np.clip(session.decode(latents[60:])[:, 0], 0.0, 1.0)
    validation = frame_figures(frames[60:], latents[60:], outputs)
    patients = [f"patient {number}" for number in range(20)]
    training = latents[:60], signals_of(frames[:60]), ["east", "west"] * 30
    return fit_combined(*training, validation, patients, quantile=quantile)


def manifest(
    precision: str = "fp32",
    checkpoint: str = "c" * 64,
    target: str | None = None,
    held_out: str = HELD_OUT,
    sources: tuple[str, ...] = SOURCES,
    calibrated_on: str = "a" * 64,
    trained_on: tuple[str, ...] = (),
) -> BundleManifest:
    """A manifest whose held-out site is north unless another is named; the target is the precision's default one."""
    image = CalibrationImage("east", calibrated_on)
    calibration = CalibrationProvenance("blobs", HELD_OUT, (image,), "e" * 64) if precision == "int8" else None
    chosen = target or targets_of(precision)[0]
    float_type = "fp32" if chosen == "cpu" else "fp16"
    return BundleManifest(
        edge_nt_version="0.0.0",
        precision=precision,
        target=chosen,
        structure="NT",
        held_out_hospital=held_out,
        source_hospitals=sources,
        synthetic=True,
        latent_dim=LATENT_DIM,
        preprocess=Preprocess(HEIGHT, WIDTH),
        checkpoint_sha256=checkpoint,
        quantisation=Quantisation("ptq", "minmax", (), float_type) if precision == "int8" else None,
        calibration=calibration,
        trained_on=trained_on,
    )


def write(
    folder: Path,
    precision: str = "fp32",
    *,
    checkpoint: str = "c" * 64,
    offset: float = 0.0,
    latent_gain: float = 1.0,
    decoder_gain: float = 1.0,
    golden_shift: float = 0.0,
    quantile: float = 0.95,
    target: str | None = None,
    held_out: str = HELD_OUT,
    sources: tuple[str, ...] = SOURCES,
    calibrated_on: str = "a" * 64,
    trained_on: tuple[str, ...] = (),
) -> Path:
    """Write a bundle; `offset` brightens the reconstructions, `golden_shift` spoils the golden ones,
    `quantile` moves the OOD threshold, and `calibrated_on` is the pixels' SHA-256 of INT8's one calibration image.
    """
    encoder, decoder = encoder_onnx(latent_gain), decoder_onnx(offset, decoder_gain)
    session = OnnxRuntimeSession(encoder, decoder, threads=1)
    frames = np.stack([scan(seed) for seed in (500, 501)])
    latents = session.encode(to_unit_range(frames))
    golden = GoldenVectors(frames, latents, session.decode(latents) + np.float32(golden_shift))
    parts = {"encoder_onnx": encoder, "decoder_onnx": decoder, "ood": fit(session, quantile), "golden": golden}
    write_bundle(folder, manifest(precision, checkpoint, target, held_out, sources, calibrated_on, trained_on), **parts)
    return folder


def write_scans(
    root: Path, hospitals: tuple[str, ...] = (*SOURCES, HELD_OUT), structure: str = "NT", per_hospital: int = 4
) -> Path:
    """A dataset folder with four pictures a hospital, half of them validation."""
    rows, boxes = [], {}
    for which, hospital in enumerate(hospitals):
        for index in range(per_hospital):
            file = f"{hospital}/{index}.png"
            (root / hospital).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / file), scan(1000 + (10 if per_hospital <= 10 else 100) * which + index, 240, 320))
            patient = f"{hospital}-{index}"
            rows.append(Row(file, hospital, "phantom", patient, "train" if index < per_hospital // 2 else "val"))
            boxes[file] = (Box(file, Roi(structure, 100, 120, 130, 200)),)
    write_dataset(Dataset(root, "blobs", "CC0", "made by the tests", True, tuple(rows), boxes))
    return root
