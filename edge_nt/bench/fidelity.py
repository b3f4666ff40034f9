"""What a speed costs: each variant's reconstructions against the FP32 reference bundle, gated inside the ROI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_nt.bench.interleaved import Started
from edge_nt.datasets.dataset import Dataset, read_dataset
from edge_nt.errors import InputError
from edge_nt.runtime.reconstructor import Reconstructor, load
from edge_nt.verify.gates import Gates, read_gates
from edge_nt.verify.verdicts import GateVerdict, GroupFigures
from edge_nt.verify.verification import compare_reconstructors


@dataclass(frozen=True)
class Fidelity:
    """A variant's figures and verdicts on source validation and the held-out hospital, or the reason why it failed."""

    variant: str
    reference: str
    dataset: str
    synthetic: bool
    failed: str | None
    groups: tuple[GroupFigures, ...]
    verdicts: tuple[GateVerdict, ...]


@dataclass(frozen=True)
class FidelityData:
    """The FP32 reference on onnxruntime, the dataset and the gates that speeds are judged with."""

    reference: Reconstructor
    dataset: Dataset
    gates: Gates


def read_fidelity_data(reference: Path, data_root: Path) -> FidelityData:
    """Load the reference bundle and the dataset folder.

    Raises: InputError for a bundle that is not FP32 or cannot be read, or for such a dataset.
    """
    loaded = load(reference, None, "onnxruntime")
    precision = loaded.bundle.manifest.precision
    if precision != "fp32":
        raise InputError(
            expected="an FP32 bundle as --reference", got=f"{precision} in {reference}", fix="name the FP32 bundle"
        )
    return FidelityData(loaded, read_dataset(data_root), read_gates().gates)


def measure_fidelity(
    started: Sequence[Started], data: FidelityData, on_frame: Callable[[int, int], None] | None = None
) -> tuple[Fidelity, ...]:
    """Judge every variant by the gates that `edge-nt verify` uses; one that cannot be judged carries the reason."""
    return tuple(_judge(each, data, on_frame) for each in started)


def _judge(started: Started, data: FidelityData, on_frame: Callable[[int, int], None] | None) -> Fidelity:
    reference, dataset = data.reference, data.dataset
    where = reference.bundle.folder.resolve().name, dataset.name, dataset.synthetic
    try:
        found = compare_reconstructors(started.reconstructor, reference, dataset, data.gates, on_frame)
    except Exception as error:  # Engines' own errors share no narrower base class.
        return Fidelity(started.name, *where, str(error), (), ())
    return Fidelity(started.name, *where, None, found.groups, found.verdicts)
