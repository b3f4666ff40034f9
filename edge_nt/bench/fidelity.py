"""What a speed costs: each variant's reconstructions against the FP32 reference bundle, by the gates of `verify`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_nt.bench.interleaved import Started
from edge_nt.datasets.dataset import Dataset, read_dataset
from edge_nt.errors import EdgeNtError
from edge_nt.runtime.reconstructor import Reconstructor, load_unjudged
from edge_nt.verify.comparison import Comparison, compare, refuse_no_reference
from edge_nt.verify.gates import GateFile, GateFileIdentity, read_gates
from edge_nt.verify.reference_pass import ReferencePass, pass_reference, rows_to_judge

OnFrame = Callable[[int, int], None]


@dataclass(frozen=True)
class Fidelity:
    """A variant's figures and gates on source validation and the held-out hospital, or the reason why it failed."""

    variant: str
    verdict: Literal["passed", "not passed", "not compared"]
    failed: str | None
    comparison: Comparison | None


@dataclass(frozen=True)
class FidelitySection:
    """Every variant against one reference on one dataset, by one gate file."""

    reference: str
    dataset: str
    synthetic: bool
    gate_file: GateFileIdentity
    variants: tuple[Fidelity, ...]


@dataclass(frozen=True)
class FidelityData:
    """The FP32 reference on onnxruntime, the dataset and the gates that speeds are judged with."""

    reference: Reconstructor
    dataset: Dataset
    gate_file: GateFile


def read_fidelity_data(reference: Path, data_root: Path, gates: Path | None = None) -> FidelityData:
    """Load the reference bundle, the dataset folder and the gate file, the shipped one by default.

    Raises: InputError for a bundle that is not FP32 or cannot be read, or for such a dataset or gate file,
    or a dataset without a group that is judged.
    """
    loaded = load_unjudged(reference, None, "onnxruntime")
    refuse_no_reference(loaded.bundle)
    data = FidelityData(loaded, read_dataset(data_root), read_gates(gates))
    # Now, and not after minutes of measuring speeds.
    rows_to_judge(data.dataset, loaded.bundle.manifest)
    return data


def measure_fidelity(
    started: Sequence[Started], data: FidelityData, on_frame: OnFrame | None = None
) -> FidelitySection:
    """Judge every variant by the gates that `edge-nt verify` uses; one that cannot be judged carries the reason.

    The reference runs through the dataset once; where it cannot, no variant is compared, for that reason.
    """
    try:
        reference = pass_reference(data.reference, data.dataset, on_frame=on_frame)
        variants = tuple(_judge(each, reference, data.gate_file, on_frame) for each in started)
    except EdgeNtError as error:
        # A picture that cannot be decoded must not cost the speeds that took minutes to measure.
        variants = tuple(Fidelity(each.name, "not compared", str(error), None) for each in started)
    return FidelitySection(
        reference=data.reference.bundle.folder.resolve().name,
        dataset=data.dataset.name,
        synthetic=data.dataset.synthetic,
        gate_file=data.gate_file.identity,
        variants=variants,
    )


def _judge(started: Started, reference: ReferencePass, gate_file: GateFile, on_frame: OnFrame | None) -> Fidelity:
    try:
        found = compare(started.reconstructor, reference, gate_file.gates, on_frame)
    except Exception as error:  # Engines' own errors share no narrower base class.
        return Fidelity(started.name, "not compared", str(error), None)
    return Fidelity(started.name, "passed" if found.passed else "not passed", None, found)
