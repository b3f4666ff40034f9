"""How a session hands a frame to the device: through which memory, and launch by launch or as one recorded graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_nt.engines.engine_record import GRAPHS, read_record
from edge_nt.errors import InputError
from edge_nt.results import read_result
from edge_nt.runtime.device import MEMORIES, Memory

LAUNCH_NAME = "launch.json"


@dataclass(frozen=True)
class Launch:
    """One way: pinned memory is copied, mapped memory is used in place; a CUDA graph replays copies and kernels."""

    memory: Memory = "pinned"
    cuda_graph: bool = False

    def __str__(self) -> str:
        """Such as ``pinned memory, CUDA graph``."""
        return f"{self.memory} memory, {'CUDA graph' if self.cuda_graph else 'plain launches'}"


# All there are; the first is what runs where nothing was measured.
LAUNCHES = tuple(Launch(memory, cuda_graph) for memory in MEMORIES for cuda_graph in (False, True))


@dataclass(frozen=True)
class LaunchTrial:
    """What one way showed: the median and 95th percentile of encode + decode in ms, or why it could not be used."""

    launch: Launch
    p50_ms: float | None
    p95_ms: float | None
    refused: str | None


@dataclass(frozen=True)
class LaunchChoice:
    """The ways measured on this machine for these very plans, and the fastest of them."""

    kind: Literal["edge-nt launch"]
    schema_version: Literal[1]
    plan_sha256: tuple[str, ...]
    chosen: Launch
    trials: tuple[LaunchTrial, ...]


def plan_digests(folder: Path) -> tuple[str, ...]:
    """The SHA-256 of the plans that the sidecars in a folder name. Raises: InputError without sidecars."""
    return tuple(read_record(folder, graph).plan_sha256 for graph in GRAPHS)


def stored_launch(folder: Path) -> Launch | None:
    """The way that was measured to be fastest for the plans in `folder`; None when there is no such measurement."""
    try:
        choice = read_result(folder / LAUNCH_NAME, LaunchChoice)
        return choice.chosen if choice.plan_sha256 == plan_digests(folder) else None
    except InputError:
        return None
