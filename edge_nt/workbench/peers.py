"""What a user would pick instead of this runtime, as variants of the same benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from edge_nt.bench.variant import Variant, VariantIdentity
from edge_nt.bundle.read import Bundle, read_bundle
from edge_nt.errors import InputError
from edge_nt.runtime.reconstructor import Reconstructor
from edge_nt.runtime.session import Session
from edge_nt.training.checkpoint import load_model, read_facts
from edge_nt.workbench.default_sessions import (
    DefaultOnnxRuntimeSession,
    DefaultOpenVinoSession,
    openvino_default_precision,
)
from edge_nt.workbench.torch_session import TorchSession

TORCH_EAGER = "torch eager"


def peer_variants(run: Path, folders: Sequence[Path]) -> tuple[Variant, ...]:
    """torch, onnxruntime and OpenVINO with every setting left alone, on the FP32 model behind the bundles `folders`.

    `run` is the run folder that the bundles were exported from; its stage 2 is the torch model. The first FP32 bundle
    of `folders` lends preprocessing, graphs and OOD statistics.
    Raises: InputError when no bundle is FP32, or when one comes from another checkpoint than `run`.
    """
    reference = _reference(run, folders)
    openers: tuple[tuple[str, str, Callable[[Bundle], Session]], ...] = (
        (TORCH_EAGER, "fp32", partial(_torch, run)),
        ("torch eager bf16", "bf16", partial(_torch_bf16, run)),
        ("torch compiled", "fp32", partial(_torch_compiled, run)),
        ("onnxruntime defaults", "fp32", _onnxruntime),
        ("openvino defaults", openvino_default_precision(), _openvino),
    )
    return tuple(
        Variant(
            VariantIdentity(name, "peer", precision, "any", name.split()[0], None, None),
            partial(_load, reference, opener),
        )
        for name, precision, opener in openers
    )


def _reference(run: Path, folders: Sequence[Path]) -> Path:
    checkpoint = str(read_facts(run, "stage2").get("sha256"))
    manifests = {folder: read_bundle(folder).manifest for folder in folders}
    foreign = [str(folder) for folder, manifest in manifests.items() if manifest.checkpoint_sha256 != checkpoint]
    if foreign:
        raise InputError(
            expected=f"bundles of the checkpoint {checkpoint[:12]}… in {run}",
            got=f"another checkpoint in {', '.join(foreign)}",
            fix="name as --peers the run that the bundles were exported from",
        )
    reference = next((folder for folder, manifest in manifests.items() if manifest.precision == "fp32"), None)
    if reference is None:
        raise InputError(
            expected="an FP32 bundle among the bundles, whose graphs the peers run",
            got=", ".join(f"{folder} ({manifest.precision})" for folder, manifest in manifests.items()),
            fix="export one with `edge-nt export --precision fp32` and name it too",
        )
    return reference


def _load(reference: Path, opener: Callable[[Bundle], Session]) -> Reconstructor:
    bundle = read_bundle(reference)
    return Reconstructor(bundle, opener(bundle))


def _torch(run: Path, _bundle: Bundle) -> Session:
    return TorchSession(load_model(run, "stage2"))


def _torch_bf16(run: Path, _bundle: Bundle) -> Session:
    return TorchSession(load_model(run, "stage2"), bf16=True)


def _torch_compiled(run: Path, bundle: Bundle) -> Session:
    preprocess = bundle.manifest.preprocess
    return TorchSession(load_model(run, "stage2"), compile_for=(preprocess.height, preprocess.width))


def _onnxruntime(bundle: Bundle) -> Session:
    return DefaultOnnxRuntimeSession(bundle.encoder_onnx, bundle.decoder_onnx)


def _openvino(bundle: Bundle) -> Session:
    return DefaultOpenVinoSession(bundle.encoder_onnx, bundle.decoder_onnx)
