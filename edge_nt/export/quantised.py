"""From float graphs, plain or fine-tuned, to INT8 graphs with the record of how they became so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge_nt.bundle.manifest import CalibrationProvenance, Method, Quantisation, Target
from edge_nt.export.bundle_parts import MadeGraphs
from edge_nt.export.int8_graph import int8_graphs
from edge_nt.export.onnx_graph import Graphs
from edge_nt.export.ranges import Ranges
from edge_nt.export.recipe import Int8Recipe


@dataclass(frozen=True)
class Calibrated:
    """The ranges that each calibrator gives on one set of images, and which images these were."""

    ranges: Mapping[str, Ranges]
    provenances: Mapping[str, CalibrationProvenance]


def quantised(
    graphs: Graphs,
    calibrated: Calibrated,
    recipe: Int8Recipe,
    target: Target,
    *,
    method: Method,
    fine_tuning_steps: int = 0,
) -> MadeGraphs:
    """Float graphs rounded as the recipe says, with its calibrator's ranges. Raises: InputError, as `int8_graphs`."""
    name = recipe.calibrator
    record = Quantisation(method, name, recipe.float_layers, recipe.float_type(target), fine_tuning_steps)
    made = int8_graphs(graphs, calibrated.ranges[name], recipe, target)
    # Fine-tuning moves ranges as well: the digest is of those that were used.
    provenance = replace(calibrated.provenances[name], ranges_sha256=calibrated.ranges[name].sha256)
    return MadeGraphs(made, "int8", target, record, provenance)
