"""From a trained run to a bundle: graphs, calibration, lint, TensorRT's own parser, OOD statistics, golden vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_nt.bundle.manifest import PIXEL_DIGITS, BundleManifest, Target, targets_of
from edge_nt.bundle.write import refuse_foreign, refuse_judged, write_bundle
from edge_nt.errors import InputError
from edge_nt.export.bundle_parts import MadeGraphs, OnStage, fit_ood_of, golden_vectors, manifest_of, source_latents
from edge_nt.export.calibration import calibration_set, recorded_images
from edge_nt.export.calibrators import AUTO
from edge_nt.export.fp16_graph import fp16_graphs
from edge_nt.export.int8_export import Int8Made, Int8Options, int8_made
from edge_nt.export.lint import refuse_violations
from edge_nt.export.onnx_graph import float_graphs, graph_bytes
from edge_nt.export.recipe import ExportRecipe
from edge_nt.export.search_result import CalibratorReport, SensitivityReport
from edge_nt.export.tensorrt_rtx import TensorRtCheck, check_with_tensorrt_rtx
from edge_nt.runtime.onnxruntime_session import OnnxRuntimeSession
from edge_nt.training.checkpoint import load_model
from edge_nt.training.run_folder import read_run
from edge_nt.training.run_frames import RunFrames, read_run_frames, refuse_changed_data

_NO_OPTIONS = Int8Options()


@dataclass(frozen=True)
class ExportReport:
    """What an export made: the bundle, its manifest, the size of each graph in bytes, TensorRT-RTX's word, and what
    searches for better INT8 tried, None where nothing was searched for.
    """

    bundle: Path
    manifest: BundleManifest
    graph_sizes_bytes: dict[str, int]
    tensorrt: TensorRtCheck
    calibrators: CalibratorReport | None = None
    sensitivity: SensitivityReport | None = None


def export_bundle(
    run: Path,
    *,
    recipe: ExportRecipe,
    out: Path,
    target: Target | None = None,
    data_root: Path | None = None,
    int8: Int8Options = _NO_OPTIONS,
    force: bool = False,
    on_stage: OnStage = lambda _stage, _done, _total: None,
) -> ExportReport:
    """Export stage 2 of `run` at the recipe's precision and write the bundle folder `out`, whole or not at all.

    `target` is the engine that INT8 graphs are made for (default: tensorrt); other precisions are for any.
    `data_root` overrides where the run's dataset lies. With `force` a bundle is replaced even where `edge-nt verify`
    left a verdict in it. `on_stage` hears stage, frames done and frames in all.
    Raises: InputError, LeakageError for a bad calibration set, GraphRejectedError when lint or TensorRT-RTX refuses,
    GateFailedError when `int8.auto` finds no float layers with which the gates pass.
    """
    target = _target(target, recipe)
    _refuse_needless(int8, recipe)
    named, out = out, out.resolve()  # a folder called "." has no name that others could be derived from
    refuse_foreign(out)  # now, not after minutes of work
    if not force:
        refuse_judged(named)
    on_stage("reading the run and its data", 0, 0)
    source = read_run_frames(read_run(run), data_root)
    # Boxes matter to fine-tuning alone, which goes on with the training.
    refuse_changed_data(source, tables=int8.fine_tuning is not None)
    found = _made(run, source, recipe, target, int8=int8, out=out, on_stage=on_stage)
    made = found.made
    on_stage("checking the graphs", 0, 0)
    encoder, decoder, tensorrt = _accepted(made)
    # The cart's own runtime and the exported graph, so that the statistics are those of what carts see.
    session = OnnxRuntimeSession(encoder, decoder)
    ood = fit_ood_of(session, source, source_latents(session, source, on_stage), on_stage)
    golden = golden_vectors(session, source.info)
    seen = recorded_images(source.dataset, source.split, source.split.train)
    trained_on = tuple(sorted(image.sha256[:PIXEL_DIGITS] for image in seen))
    manifest = manifest_of(run, source, made, ood.latent.means.shape[1], trained_on)
    manifest = write_bundle(out, manifest, encoder_onnx=encoder, decoder_onnx=decoder, ood=ood, golden=golden)
    sizes = {"encoder": len(encoder), "decoder": len(decoder)}
    return ExportReport(named, manifest, sizes, tensorrt, found.calibrators, found.sensitivity)


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


def _refuse_needless(options: Int8Options, recipe: ExportRecipe) -> None:
    flags = ("--calibration", "--auto", "--gates", "--qat")
    asked = (options.calibration, options.auto, options.gates, options.fine_tuning)
    needless = [flag for flag, value in zip(flags, asked, strict=True) if value]
    if needless and recipe.int8 is None:
        raise InputError(
            expected=f"{needless[0]} with int8 only", got=f"it with {recipe.precision}", fix="drop it, or export int8"
        )
    searched = options.auto or (recipe.int8 is not None and recipe.int8.calibrator == AUTO)
    if options.gates is not None and not searched:
        raise InputError(
            expected="--gates with --auto or --calibrator auto, which judge by them",
            got="it without either",
            fix="drop it here; `edge-nt verify --gates` judges a finished bundle",
        )


def _made(
    run: Path,
    source: RunFrames,
    recipe: ExportRecipe,
    target: Target,
    *,
    int8: Int8Options,
    out: Path,
    on_stage: OnStage,
) -> Int8Made:
    preprocess, images = source.info.preprocess, None
    if recipe.int8 is not None:
        on_stage("checking the calibration images", 0, 0)
        count = recipe.int8.calibration_images
        images = calibration_set(source.dataset, source.split, count, int8.calibration)
    on_stage("exporting the graphs", 0, 0)
    graphs = float_graphs(load_model(run, "stage2"), preprocess.height, preprocess.width, recipe.opset)
    if recipe.int8 is None or images is None:
        typed = fp16_graphs(graphs) if recipe.precision == "fp16" else graphs
        return Int8Made(MadeGraphs(typed, recipe.precision, target))
    return int8_made(run, source, graphs, recipe.int8, target, images=images, options=int8, out=out, on_stage=on_stage)


def _accepted(made: MadeGraphs) -> tuple[bytes, bytes, TensorRtCheck]:
    """The bytes of both graphs and TensorRT-RTX's word on them, after lint found nothing."""
    for graph in (made.graphs.encoder, made.graphs.decoder):
        refuse_violations(graph, made.target, made.quantisation.float_layers if made.quantisation else ())
    encoder, decoder = graph_bytes(made.graphs.encoder), graph_bytes(made.graphs.decoder)
    if made.target == "cpu":
        return encoder, decoder, TensorRtCheck(None, {}, "these graphs are for CPUs, not for TensorRT")
    return encoder, decoder, check_with_tensorrt_rtx({"encoder": encoder, "decoder": decoder})
