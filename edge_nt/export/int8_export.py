"""INT8 graphs of a run: calibrated, with the calibrator and the float layers given, or chosen by their gates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_nt.bundle.manifest import CalibrationProvenance, Method, Target
from edge_nt.errors import GateFailedError
from edge_nt.export.bundle_parts import MadeGraphs, OnStage, images_of
from edge_nt.export.calibration import CalibrationSet, recorded_images
from edge_nt.export.calibrators import AUTO, CALIBRATORS
from edge_nt.export.int8_graph import check_float_layers
from edge_nt.export.int8_search import Int8Search
from edge_nt.export.onnx_graph import Graphs
from edge_nt.export.quantised import Calibrated, quantised
from edge_nt.export.ranges import fit_ranges_by
from edge_nt.export.recipe import Int8Recipe
from edge_nt.export.search_result import CalibratorReport, SensitivityReport, result_file
from edge_nt.results import write_result
from edge_nt.training.run_frames import RunFrames

if TYPE_CHECKING:
    from edge_nt.export.qat_recipe import QatRecipe


@dataclass(frozen=True)
class Int8Options:
    """What is asked of INT8 beside its recipe: a CSV of images, a search for float layers, the gates to search by, and
    fine-tuning of the weights.
    """

    calibration: Path | None = None
    auto: bool = False
    gates: Path | None = None
    fine_tuning: QatRecipe | None = None


@dataclass(frozen=True)
class Int8Made:
    """The graphs, and what was tried on the way to them; None where nothing was searched for."""

    made: MadeGraphs
    calibrators: CalibratorReport | None = None
    sensitivity: SensitivityReport | None = None


def int8_made(
    run: Path,
    source: RunFrames,
    graphs: Graphs,
    recipe: Int8Recipe,
    target: Target,
    *,
    images: CalibrationSet,
    options: Int8Options,
    out: Path,
    on_stage: OnStage,
) -> Int8Made:
    """Calibrate, choose what is to be chosen, fine-tune where asked, and quantise. Search results go beside `out`.

    Raises: InputError; GateFailedError when no choice of float layers passes.
    """
    check_float_layers(graphs, recipe)
    calibrated = _calibrated(source, graphs, recipe, images, on_stage)
    calibrators = sensitivity = None
    if recipe.calibrator == AUTO or options.auto:
        search = Int8Search(run, source, graphs, calibrated, target, gates=options.gates, on_stage=on_stage)
        recipe, calibrators, sensitivity = _searched(search, recipe, options, out)
    method: Method = "auto" if options.auto else "ptq"
    tuning = options.fine_tuning
    if tuning is not None:
        from edge_nt.export.qat import fine_tuned

        def on_step(done: int, total: int) -> None:
            on_stage("fine-tuning with INT8's rounding", done, total)

        ranges = calibrated.ranges[recipe.calibrator]
        graphs, ranges = fine_tuned(
            run, source, graphs, ranges, int8=recipe, target=target, recipe=tuning, on_step=on_step
        )
        # Fine-tuning fits ranges, and weights with them, on every training image.
        seen = recorded_images(source.dataset, source.split, source.split.train)
        provenance = replace(calibrated.provenances[recipe.calibrator], images=seen)
        calibrated = Calibrated({recipe.calibrator: ranges}, {recipe.calibrator: provenance})
        method = "qat"
    made = quantised(graphs, calibrated, recipe, target, method=method, fine_tuning_steps=tuning.steps if tuning else 0)
    return Int8Made(made, calibrators, sensitivity)


def _searched(
    search: Int8Search, recipe: Int8Recipe, options: Int8Options, out: Path
) -> tuple[Int8Recipe, CalibratorReport | None, SensitivityReport | None]:
    """The recipe with what was searched for, first a calibrator and then float layers; each result beside `out`."""
    calibrators = sensitivity = None
    if recipe.calibrator == AUTO:
        calibrators = search.calibrators(recipe)
        write_result(result_file(out, "calibrators"), calibrators)
        recipe = replace(recipe, calibrator=calibrators.chosen)
    if options.auto:
        sensitivity = search.float_layers(recipe)
        write_result(result_file(out, "sensitivity"), sensitivity)
        _refuse_failed(sensitivity, result_file(out, "sensitivity"))
        recipe = replace(recipe, float_layers=sensitivity.float_layers)
    return recipe, calibrators, sensitivity


def _calibrated(
    source: RunFrames, graphs: Graphs, recipe: Int8Recipe, images: CalibrationSet, on_stage: OnStage
) -> Calibrated:
    on_stage(f"fitting INT8 ranges on {len(images.rows)} images", 0, 0)
    wanted = CALIBRATORS if recipe.calibrator == AUTO else (recipe.calibrator,)
    ranges = fit_ranges_by(graphs, images_of(source, images.rows), wanted)
    dataset, held_out = source.dataset.name, source.split.held_out_hospital
    provenances = {
        name: CalibrationProvenance(dataset, held_out, images.images, each.sha256) for name, each in ranges.items()
    }
    return Calibrated(ranges, provenances)


def _refuse_failed(report: SensitivityReport, path: Path) -> None:
    if report.passed:
        return
    best = min((report.everything_quantised, *report.added), key=lambda trial: trial.order)
    floats = ", ".join(best.float_layers) or "no layer"
    share = "has no share" if best.limit_used is None else f"uses {100 * best.limit_used:.0f} %"
    raise GateFailedError(
        expected=f"float layers with which every gate of {report.context.gate_file.name} passes on source validation",
        got=f"at best {best.worst_gate} {share} of its limit, with {floats} in float; {path}",
        fix="export fp16, or fine-tune INT8 with --qat and without --auto; no bundle was written",
    )
