"""Checkpoints: weights as safetensors with a JSON beside them, and the resume point of an unfinished run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from edge_nt.atomic import atomic_file, write_json
from edge_nt.digests import sha256_file
from edge_nt.errors import InputError
from edge_nt.model.autoencoder import AutoEncoder
from edge_nt.training.optimizer import Optimizers
from edge_nt.training.run_folder import read_run

RESUME_FILE = "resume.safetensors"


@dataclass(frozen=True)
class Progress:
    """Where training stands: `step` steps of `stage` are done, by `trainers` in their order (see `this_trainer`).

    `weights` are stage 2's loss weights (else empty).
    """

    stage: str
    step: int
    weights: Mapping[str, float]
    trainers: tuple[str, ...] = ()


def save_model(run: Path, stage: str, model: AutoEncoder, facts: Mapping[str, Any]) -> None:
    """Write `<stage>.safetensors`, then `<stage>.json` with its SHA-256 and `facts`; the JSON marks it as whole."""
    path = run / f"{stage}.safetensors"
    _save(path, model.state_dict(), {})
    write_json(run / f"{stage}.json", {"sha256": sha256_file(path), **facts})


def read_facts(run: Path, stage: str) -> dict[str, Any]:
    """What was recorded beside a stage's weights. Raises: InputError when the stage is not finished."""
    path = run / f"{stage}.json"
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            expected=f"a finished {stage} in {run}",
            got=f"{error}",
            fix=f"finish the training with `edge-nt train --resume {run}`",
        ) from error
    return facts


def is_finished(run: Path) -> bool:
    """Whether both stages are saved and nothing is left to tidy."""
    return (run / "stage2.json").is_file() and not (run / RESUME_FILE).is_file()


def load_model(run: Path, stage: str) -> AutoEncoder:
    """The model after `stage` (``stage1`` or ``stage2``), on the CPU, in evaluation mode.

    Raises: InputError when the stage is not finished or its file is not the one that was written.
    """
    facts = read_facts(run, stage)
    path = run / f"{stage}.safetensors"
    if not path.is_file() or sha256_file(path) != facts.get("sha256"):
        raise InputError(
            expected=f"{path} with the SHA-256 in {stage}.json",
            got="another file or none",
            fix="restore the file, or train again",
        )
    preprocess = read_run(run).preprocess
    model = AutoEncoder(preprocess.height, preprocess.width)
    model.load_state_dict(load_file(path))
    return model.eval()


def save_resume_point(run: Path, model: AutoEncoder, optimizers: Optimizers, progress: Progress) -> None:
    """Write model, optimisers and progress as one file, so that one rename moves the resume point as a whole."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizers.tensors().items()}
    _save(run / RESUME_FILE, tensors, {"progress": json.dumps(asdict(progress))})


def read_progress(run: Path) -> Progress | None:
    """The progress of the resume point, or None where the run has none."""
    path = run / RESUME_FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            return Progress(**json.loads(file.metadata()["progress"]))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(expected=f"a resume point in {path}", got=f"{error}", fix="train anew") from error


def load_resume_point(run: Path, model: AutoEncoder, optimizers: Optimizers) -> None:
    """Put the tensors of the resume point into `model` and `optimizers`.

    Raises: InputError when they are those of another model or other optimisers.
    """
    path = run / RESUME_FILE
    try:
        tensors = load_file(path)
        model.load_state_dict(_below("model.", tensors))
        optimizers.load_tensors(_below("optimizer.", tensors))
    except (SafetensorError, RuntimeError, KeyError) as error:
        raise InputError(
            expected=f"the tensors of this version's training in {path}",
            got=" ".join(str(error).split())[:200],
            fix="go on with the version of edge-nt that began it, or train anew",
        ) from error


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _save(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    # Channels-last weights are stored in plain order: safetensors knows no strides.
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as temporary:
        save_file(plain, temporary, metadata=metadata)
