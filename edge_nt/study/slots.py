"""Where the arms of a study train side by side."""

from __future__ import annotations

import re

from edge_nt.errors import InputError
from edge_nt.study.run_study import Slot

_GPU = re.compile(r"cuda:(\d+)")


def pick_slots(devices: str, workers: int) -> tuple[Slot, ...]:
    """The slots of ``auto`` (every GPU, else the CPU), ``cpu``, ``cuda`` (every GPU) or ``cuda:0,cuda:2``.

    The CPU takes `workers` arms at a time, a GPU one. Raises: InputError for another name, workers beside GPUs, or a
    GPU that torch does not see.
    """
    if workers < 1:
        raise InputError(expected="at least one worker", got=str(workers), fix="correct --workers")
    present = 0 if devices == "cpu" else _gpus()
    if devices == "cpu" or (devices == "auto" and not present):
        return (Slot("cpu"),) * workers
    numbers = list(range(present)) if devices in ("auto", "cuda") else _numbers(devices)
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
