"""What earlier measurements of backends showed, in a small file of the user's cache folder.

The file is a convenience: one that is missing, damaged or not to be written costs a new measurement, never an error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import edge_nt
from edge_nt.bundle.read import Bundle
from edge_nt.cache_folder import cache_folder
from edge_nt.digests import sha256_file
from edge_nt.engines.cuda_driver import device_facts
from edge_nt.engines.engine_folder import engine_root
from edge_nt.errors import InputError, MissingDependencyError
from edge_nt.machine import describe_machine
from edge_nt.results import read_result, write_result
from edge_nt.runtime.golden import GoldenTolerances

_FILE_NAME = "backends.json"
_LARGEST_FILE_BYTES = 1 << 20
_MOST_ENTRIES = 64
_LONGEST_REASON = 500
_GPU_PACKAGES = ("tensorrt", "pycuda", "cuda")


@dataclass(frozen=True)
class BackendTrial:
    """What a candidate showed: the median of encode + decode in ms, or why it was refused."""

    backend: str
    p50_ms: float | None
    refused: str | None


@dataclass(frozen=True)
class ChoiceFile:
    """The trials of each combination of bundle, machine, versions and settings, under the hash of all these."""

    kind: Literal["edge-nt backend choices"]
    schema_version: Literal[1]
    choices: dict[str, tuple[BackendTrial, ...]]


def choice_key(bundle: Bundle, threads: int | None, tolerances: GoldenTolerances) -> str:
    """A hash of everything a measurement depends on; when one of them changes, it is taken again."""
    machine = describe_machine(threads)
    facts = {
        "edge_nt": edge_nt.__version__,
        "files": dict(bundle.manifest.files),
        "tolerance": asdict(tolerances[bundle.manifest.precision]),
        **{name: getattr(machine, name) for name in ("cpu", "architecture", "usable_cores", "onnxruntime", "openvino")},
        "threads": threads,
        "engines": _engine_facts(bundle),
    }
    return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def read_trials(key: str, candidates: Sequence[str]) -> tuple[BackendTrial, ...] | None:
    """The stored trials of exactly these candidates; None when there are none that can be believed."""
    try:
        trials = _read(_path()).choices.get(key, ())
    except (OSError, RuntimeError, InputError):
        return None
    believable = [trial.backend for trial in trials] == list(candidates) and all(map(_is_trial, trials))
    return trials if believable and any(trial.p50_ms for trial in trials) else None


def store_trials(key: str, trials: tuple[BackendTrial, ...]) -> bool:
    """Add the trials to the file, the oldest entries making room; whether it could be written."""
    try:
        path = _path()
        try:
            choices = dict(_read(path).choices)
        except InputError:
            choices = {}
        choices.pop(key, None)
        kept = dict([*choices.items(), (key, trials)][-_MOST_ENTRIES:])
        write_result(path, ChoiceFile("edge-nt backend choices", 1, kept))
    except (OSError, RuntimeError, InputError):
        return False
    return True


def _path() -> Path:
    """Raises: RuntimeError on a machine where the user has no home."""
    return cache_folder() / _FILE_NAME


def _engine_facts(bundle: Bundle) -> dict[str, str]:
    """What decides whether and how a bundle's plans run: sidecars, launches, packages and GPU; empty without plans.

    So a new build is measured again, and so is TensorRT once what it was refused for is mended.
    """
    root = engine_root(bundle)
    digests = {str(path.relative_to(root)): sha256_file(path) for path in sorted(root.glob("*/*.json"))}
    if not digests:
        return {}
    try:
        device = str(device_facts())
    except MissingDependencyError as error:
        device = str(error)
    return {**digests, **{name: _package(name) for name in _GPU_PACKAGES}, "device": device}


def _package(name: str) -> str:
    if find_spec(name) is None:
        return "absent"
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "present"


def _read(path: Path) -> ChoiceFile:
    if not path.is_file() or path.stat().st_size > _LARGEST_FILE_BYTES:
        raise InputError(expected="a small file of backend choices", got=str(path), fix="delete it")
    return read_result(path, ChoiceFile)


def _is_trial(trial: BackendTrial) -> bool:
    # Python's JSON reads NaN and Infinity, and the reason is printed.
    if trial.p50_ms is not None:
        return math.isfinite(trial.p50_ms) and trial.p50_ms > 0 and trial.refused is None
    return trial.refused is not None and len(trial.refused) <= _LONGEST_REASON and trial.refused.isprintable()


def shortened(reason: str) -> str:
    """A reason as one printable line that fits the file."""
    line = "".join(mark if mark.isprintable() else " " for mark in reason)
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 1]}…"
