"""Where the arms of a study train side by side."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from edge_nt.errors import InputError, MissingDependencyError

_GPU = re.compile(r"cuda:(\d+)")
_IN_SIGHT = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Slot:
    """A place where one arm trains at a time: ``cpu``, or ``cuda`` with the number of one GPU among those in sight."""

    device: str
    gpu: int | None = None


def environment_of(slot: Slot, threads: int) -> dict[str, str]:
    """The environment of a process that trains in `slot` with so many threads and sees no GPU but its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    if slot.gpu is not None:
        # What is in sight may itself be a choice among the machine's, by number or by identifier.
        in_sight = [name.strip() for name in os.environ.get(_IN_SIGHT, "").split(",") if name.strip()]
        environment[_IN_SIGHT] = in_sight[slot.gpu] if in_sight else str(slot.gpu)
    return environment


def pick_slots(devices: str, workers: int) -> tuple[Slot, ...]:
    """The slots of ``auto`` (every GPU, else the CPU), ``cpu``, ``cuda`` (every GPU) or ``cuda:0,cuda:2``.

    The CPU takes `workers` arms at a time, a GPU one. Raises: InputError for another name, workers beside GPUs, or one
    of several GPUs that torch does not see; MissingDependencyError when it sees none.
    """
    if workers < 1:
        raise InputError(expected="at least one worker", got=str(workers), fix="correct --workers")
    present = 0 if devices == "cpu" else _gpus()
    if devices == "cpu" or (devices == "auto" and not present):
        return (Slot("cpu"),) * workers
    asked = None if devices in ("auto", "cuda") else _numbers(devices)
    if not present:
        raise MissingDependencyError(
            expected="a CUDA device", got="none that torch can use", fix="pass --devices cpu, or install torch for CUDA"
        )
    numbers = list(range(present)) if asked is None else asked
    if not numbers or max(numbers) >= present or len(set(numbers)) != len(numbers):
        raise InputError(
            expected=f"GPUs among the {present} that torch sees, each once", got=repr(devices), fix="correct --devices"
        )
    if workers != 1:
        raise InputError(
            expected="one arm at a time on a GPU", got=f"--workers {workers}", fix="leave --workers to the CPU"
        )
    return tuple(Slot("cuda", number) for number in numbers)


def _gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _numbers(devices: str) -> list[int]:
    found = [_GPU.fullmatch(name.strip()) for name in devices.split(",")]
    numbers = [int(match.group(1)) for match in found if match]
    if len(numbers) != len(found):
        raise InputError(
            expected="devices auto, cpu, cuda or a list such as cuda:0,cuda:1",
            got=repr(devices),
            fix="correct --devices",
        )
    return numbers
