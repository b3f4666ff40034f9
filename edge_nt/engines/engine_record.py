"""The sidecar of a plan: what it was built from and where, checked before TensorRT sees a byte of the plan."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from edge_nt.bundle.manifest import DECODER_NAME, ENCODER_NAME, BundleManifest, Precision
from edge_nt.bundle.read import Bundle
from edge_nt.engines.build import EngineTensor, Typing
from edge_nt.engines.platform import EnginePlatform
from edge_nt.errors import InputError
from edge_nt.results import read_result

Graph = Literal["encoder", "decoder"]
GRAPHS: tuple[Graph, Graph] = ("encoder", "decoder")


@dataclass(frozen=True)
class EngineRecord:
    """What a plan was built from, where and how. `typed_refusal` says why it is weakly typed, None when it is not."""

    kind: Literal["edge-nt engine"]
    schema_version: Literal[1]
    edge_nt: str
    graph: Graph
    precision: Precision
    manifest_sha256: str
    onnx_sha256: str
    plan_sha256: str
    platform: EnginePlatform
    tensors: tuple[EngineTensor, ...]
    typing: Typing
    typed_refusal: str | None
    workspace_mb: int
    build_s: float


def plan_path(folder: Path, graph: Graph) -> Path:
    """Where the plan of a graph lies in a folder of engines."""
    return folder / f"{graph}.plan"


def record_path(folder: Path, graph: Graph) -> Path:
    """Where the sidecar of that plan lies."""
    return folder / f"{graph}.json"


def onnx_sha256(bundle: Bundle, graph: Graph) -> str:
    """The SHA-256 of a graph's ONNX bytes, verified when the bundle was read."""
    return bundle.manifest.files[ENCODER_NAME if graph == "encoder" else DECODER_NAME]


def expected_tensors(manifest: BundleManifest, graph: Graph) -> tuple[EngineTensor, EngineTensor]:
    """The one input and the one output that a plan of this bundle has, float32 and of batch 1."""
    frame = (1, 1, manifest.preprocess.height, manifest.preprocess.width)
    latent = (1, manifest.latent_dim)
    if graph == "encoder":
        return EngineTensor("frame", True, frame, "FLOAT"), EngineTensor("latent", False, latent, "FLOAT")
    return EngineTensor("latent", True, latent, "FLOAT"), EngineTensor("reconstruction", False, frame, "FLOAT")


def read_fitting_plan(folder: Path, graph: Graph, bundle: Bundle, platform: EnginePlatform) -> bytes:
    """The bytes of a plan that was built from this bundle, for this very platform, and is whole.

    Raises: InputError when it is missing, damaged, or was built from another bundle or for another platform.
    """
    path, record = plan_path(folder, graph), read_record(folder, graph)
    differences = _differences(record, graph, bundle, platform)
    if differences:
        raise _unfit(f"a plan of this bundle for this machine in {path}", "; ".join(differences))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unfit(f"a readable plan {path}", error.strerror or str(error)) from error
    if sha256(content).hexdigest() != record.plan_sha256:
        raise _unfit(f"{path} with SHA-256 {record.plan_sha256[:12]}… as its sidecar says", "other bytes")
    return content


def read_record(folder: Path, graph: Graph) -> EngineRecord:
    """The sidecar of a plan. Raises: InputError when there is none that can be read."""
    path = record_path(folder, graph)
    try:
        return read_result(path, EngineRecord)
    except InputError as error:
        if path.exists():
            raise _unfit(error.expected, error.got) from error
        raise _unfit(f"engines for {folder.name}", f"none in {folder.parent}{_others(folder)}") from error


def _differences(record: EngineRecord, graph: Graph, bundle: Bundle, platform: EnginePlatform) -> tuple[str, ...]:
    pairs = (
        ("graph", record.graph, graph),
        ("bundle.json", record.manifest_sha256[:12], bundle.sha256[:12]),
        ("ONNX", record.onnx_sha256[:12], onnx_sha256(bundle, graph)[:12]),
        ("precision", record.precision, bundle.manifest.precision),
        ("inputs and outputs", _shapes(record.tensors), _shapes(expected_tensors(bundle.manifest, graph))),
    )
    differing = tuple(f"built from {name} {before}, here {here}" for name, before, here in pairs if before != here)
    return (*differing, *(f"built with {difference}" for difference in platform.differences(record.platform)))


def _shapes(tensors: tuple[EngineTensor, ...]) -> str:
    each = (f"{'in' if one.is_input else 'out'} {one.name} {one.dtype} {list(one.shape)}" for one in tensors)
    return ", ".join(each)


def _others(folder: Path) -> str:
    names = sorted(entry.name for entry in folder.parent.iterdir()) if folder.parent.is_dir() else []
    return f" beside {', '.join(names[:5])}" if names else ""


def _unfit(expected: str, got: str) -> InputError:
    return InputError(expected=expected, got=got, fix="run `edge-nt build` again on this machine")
