"""Choices of INT8 made by measuring: every candidate goes through verify's gates, on source validation alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter

from edge_nt.bundle.manifest import Target
from edge_nt.errors import InputError
from edge_nt.export.bundle_parts import OnStage
from edge_nt.export.candidate_judge import CandidateJudge
from edge_nt.export.int8_graph import layer_names
from edge_nt.export.onnx_graph import Graphs
from edge_nt.export.quantised import Calibrated, quantised
from edge_nt.export.recipe import Int8Recipe
from edge_nt.export.search_result import (
    CalibratorReport,
    SearchContext,
    SensitivityReport,
    Trial,
    trial_of,
    trial_without,
)
from edge_nt.export.sensitivity import search_float_layers
from edge_nt.machine import describe_machine
from edge_nt.training.checkpoint import read_facts
from edge_nt.training.run_frames import RunFrames
from edge_nt.verify.gates import read_gates


class Int8Search:
    """Searches over one run's graphs, ranges and target; the FP32 reference runs once for all of them."""

    def __init__(
        self,
        run: Path,
        source: RunFrames,
        graphs: Graphs,
        calibrated: Calibrated,
        target: Target,
        *,
        gates: Path | None,
        on_stage: OnStage,
    ) -> None:
        self._run, self._source, self._graphs, self._calibrated = run, source, graphs, calibrated
        self._target = target
        self._started = perf_counter()
        self._judge = CandidateJudge(run, source, graphs, read_gates(gates), on_stage)

    def calibrators(self, recipe: Int8Recipe) -> CalibratorReport:
        """Every calibrator with the recipe's float layers; the one that uses least of its worst gate's limit."""
        trials = [self._trial(replace(recipe, calibrator=name), name) for name in self._calibrated.ranges]
        best = min(trials, key=lambda trial: trial.order)
        if not best.gates:
            raise InputError(
                expected="a calibrator with whose ranges every layer can be rounded",
                got=best.worst_gate,
                fix="train longer, name the layer in the recipe's float_layers, or pass --auto",
            )
        return CalibratorReport("edge-nt calibrators", 1, best.calibrator, tuple(trials), self._context())

    def float_layers(self, recipe: Int8Recipe) -> SensitivityReport:
        """The fewest layers in float with which every gate passes, from none on; the recipe's own do not count."""
        found = search_float_layers(
            layer_names(self._graphs),
            lambda names, title: self._trial(replace(recipe, float_layers=names), title),
        )
        return SensitivityReport(
            kind="edge-nt sensitivity",
            schema_version=1,
            passed=found.found.passed,
            float_layers=found.found.float_layers,
            everything_quantised=found.everything_quantised,
            layers=found.layers,
            added=found.added,
            given_back=found.given_back,
            context=self._context(),
        )

    def _trial(self, recipe: Int8Recipe, title: str) -> Trial:
        try:
            made = quantised(self._graphs, self._calibrated, recipe, self._target, method="ptq")
        except InputError as error:
            # One layer that cannot be rounded, such as a dead one, is what a search for float layers looks for.
            return trial_without(recipe.calibrator, recipe.float_layers, error)
        return trial_of(recipe.calibrator, recipe.float_layers, self._judge(made, title))

    def _context(self) -> SearchContext:
        return SearchContext(
            target=self._target,
            backend=self._judge.backend,
            checkpoint_sha256=read_facts(self._run, "stage2")["sha256"],
            dataset=self._source.dataset.name,
            synthetic=self._source.dataset.synthetic,
            frames=len(self._source.split.val),
            gate_file=self._judge.gate_file.identity,
            took_s=perf_counter() - self._started,
            machine=describe_machine(None),
        )
