"""From a trained run to a bundle: graphs, calibration, lint, TensorRT's own parser, OOD statistics, golden vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import edge_nt
from edge_nt.bundle.manifest import (
    BundleManifest,
    CalibrationProvenance,
    GoldenVectors,
    Quantisation,
    Target,
    targets_of,
)
from edge_nt.bundle.write import refuse_foreign, write_bundle
from edge_nt.datasets.dataset import Row
from edge_nt.errors import InputError
from edge_nt.export.calibration import calibration_images, read_calibration, select_calibration
from edge_nt.export.fp16_graph import fp16_graphs
from edge_nt.export.int8_graph import check_float_layers, int8_graphs
from edge_nt.export.lint import refuse_violations
from edge_nt.export.onnx_graph import Graphs, float_graphs, graph_bytes
from edge_nt.export.ranges import fit_ranges
from edge_nt.export.recipe import ExportRecipe, Int8Recipe
from edge_nt.export.tensorrt_rtx import TensorRtCheck, check_with_tensorrt_rtx
from edge_nt.imaging.letterbox import letterbox, to_unit_range
from edge_nt.ood.mahalanobis import OodModel, fit_ood
from edge_nt.phantom.generate import render_phantom
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession
from edge_nt.training.checkpoint import load_model, read_facts
from edge_nt.training.run_folder import RunInfo, read_run
from edge_nt.training.run_frames import RunFrames, frames_of, read_run_frames

GOLDEN_FRAMES = 4
_CHUNK_FRAMES = 32
OnStage = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ExportReport:
    """What an export made: the bundle, its manifest, the size of each graph in bytes, and TensorRT-RTX's word."""

    bundle: Path
    manifest: BundleManifest
    graph_sizes_bytes: dict[str, int]
    tensorrt: TensorRtCheck


def export_bundle(
    run: Path,
    *,
    recipe: ExportRecipe,
    out: Path,
    target: Target | None = None,
    data_root: Path | None = None,
    calibration: Path | None = None,
    on_stage: OnStage = lambda _stage, _done, _total: None,
) -> ExportReport:
    """Export stage 2 of `run` at the recipe's precision and write the bundle folder `out`, whole or not at all.

    `target` is the engine that INT8 graphs are made for (default: tensorrt); other precisions are for any.
    `data_root` overrides where the run's dataset lies; `calibration` is a CSV naming the INT8 images (default: the
    recipe's number of them, spread over the source hospitals). `on_stage` hears stage, frames done and frames in all.
    Raises: InputError, LeakageError for a bad calibration set, GraphRejectedError when lint or TensorRT-RTX refuses.
    """
    target = _target(target, recipe)
    _refuse_needless(calibration, recipe)
    refuse_foreign(out)  # now, not after minutes of work
    on_stage("reading the run and its data", 0, 0)
    source = read_run_frames(read_run(run), data_root)
    on_stage("exporting the graphs", 0, 0)
    graphs, provenance = _graphs(run, source, recipe, target, calibration=calibration, on_stage=on_stage)
    on_stage("checking the graphs", 0, 0)
    encoder, decoder, tensorrt = _accepted(graphs, recipe, target)
    # The cart's own runtime and the exported graph, so that the statistics are those of the latents that carts see.
    session = OnnxRuntimeSession(encoder, decoder)
    ood = _fit_ood(session, source, on_stage)
    golden = _golden_vectors(session, source.info)
    manifest = _manifest(run, source, recipe, target, provenance=provenance, ood=ood)
    manifest = write_bundle(out, manifest, encoder_onnx=encoder, decoder_onnx=decoder, ood=ood, golden=golden)
    return ExportReport(out, manifest, {"encoder": len(encoder), "decoder": len(decoder)}, tensorrt)


def _target(target: Target | None, recipe: ExportRecipe) -> Target:
    targets = targets_of(recipe.precision)
    if target is None:
        return targets[0]
    if target not in targets:
        raise InputError(
            expected=f"--target {' or '.join(targets)} for {recipe.precision}",
            got=repr(target),
            fix="change it, or leave --target out",
        )
    return target


def _refuse_needless(calibration: Path | None, recipe: ExportRecipe) -> None:
    if calibration is not None and recipe.int8 is None:
        raise InputError(
            expected="--calibration with int8 only", got=f"it with {recipe.precision}", fix="drop it, or export int8"
        )


def _graphs(
    run: Path,
    source: RunFrames,
    recipe: ExportRecipe,
    target: Target,
    *,
    calibration: Path | None,
    on_stage: OnStage,
) -> tuple[Graphs, CalibrationProvenance | None]:
    preprocess = source.info.preprocess
    graphs = float_graphs(load_model(run, "stage2"), preprocess.height, preprocess.width, recipe.opset)
    if recipe.int8 is None:
        return (fp16_graphs(graphs) if recipe.precision == "fp16" else graphs), None
    check_float_layers(graphs, recipe.int8)
    on_stage("checking the calibration images", 0, 0)
    rows = _calibration_rows(source, recipe.int8, calibration)
    images = calibration_images(source.dataset, source.split, rows)
    on_stage(f"fitting INT8 ranges on {len(rows)} images", 0, 0)
    ranges = fit_ranges(graphs, _images(source, rows))
    held_out = source.split.held_out_hospital
    provenance = CalibrationProvenance(source.dataset.name, held_out, images, ranges.sha256)
    return int8_graphs(graphs, ranges, recipe.int8, target), provenance


def _calibration_rows(source: RunFrames, recipe: Int8Recipe, calibration: Path | None) -> tuple[Row, ...]:
    if calibration is None:
        return select_calibration(source.split, recipe.calibration_images)
    return read_calibration(calibration, source.dataset)


def _images(source: RunFrames, rows: tuple[Row, ...]) -> NDArray[np.float32]:
    """Network input float32 (N, 1, H, W) in [0, 1] of `rows`."""
    return to_unit_range(frames_of(source, rows))


def _accepted(graphs: Graphs, recipe: ExportRecipe, target: Target) -> tuple[bytes, bytes, TensorRtCheck]:
    """The bytes of both graphs and TensorRT-RTX's word on them, after lint found nothing."""
    for graph in (graphs.encoder, graphs.decoder):
        refuse_violations(graph, target, recipe.int8.float_layers if recipe.int8 else ())
    encoder, decoder = graph_bytes(graphs.encoder), graph_bytes(graphs.decoder)
    if target == "cpu":
        return encoder, decoder, TensorRtCheck(None, {}, "these graphs are for CPUs, not for TensorRT")
    return encoder, decoder, check_with_tensorrt_rtx({"encoder": encoder, "decoder": decoder})


def _fit_ood(session: OnnxRuntimeSession, source: RunFrames, on_stage: OnStage) -> OodModel:
    train, val = source.split.train, source.split.val
    rows = (*train, *val)
    latents = []
    for start in range(0, len(rows), _CHUNK_FRAMES):
        on_stage("fitting OOD statistics on the exported encoder", start, len(rows))
        latents.append(session.encode(_images(source, rows[start : start + _CHUNK_FRAMES])))
    everything = np.concatenate(latents)
    return fit_ood(everything[: len(train)], [row.hospital for row in train], everything[len(train) :])


def _golden_vectors(session: OnnxRuntimeSession, info: RunInfo) -> GoldenVectors:
    """What the graphs give for phantoms: a bundle travels, so no patient's frame may be in it."""
    pictures = [render_phantom(0, hospital, 0).frame.pixels for hospital in range(GOLDEN_FRAMES)]
    frames = np.stack([letterbox(pixels, info.preprocess) for pixels in pictures])
    latents = session.encode(to_unit_range(frames))
    return GoldenVectors(frames, latents, session.decode(latents))


def _manifest(
    run: Path,
    source: RunFrames,
    recipe: ExportRecipe,
    target: Target,
    *,
    provenance: CalibrationProvenance | None,
    ood: OodModel,
) -> BundleManifest:
    info = source.info
    return BundleManifest(
        edge_nt_version=edge_nt.__version__,
        precision=recipe.precision,
        target=target,
        structure=info.structures[0],
        held_out_hospital=info.held_out_hospital,
        source_hospitals=tuple(sorted({row.hospital for row in source.split.train})),
        synthetic=info.synthetic,
        latent_dim=ood.means.shape[1],
        preprocess=info.preprocess,
        checkpoint_sha256=read_facts(run, "stage2")["sha256"],
        quantisation=None if recipe.int8 is None else _quantisation(recipe.int8, target),
        calibration=provenance,
    )


def _quantisation(recipe: Int8Recipe, target: Target) -> Quantisation:
    return Quantisation("ptq", recipe.calibrator, recipe.float_layers, recipe.float_type(target))
