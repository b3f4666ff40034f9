"""All checks of a machine, one group after another, none of which can end the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

import edge_nt
from edge_nt.health.check import Check, warn
from edge_nt.health.scope import Scope
from edge_nt.machine import Machine, describe_machine
from edge_nt.sensors.board import read_board

# What is called before a group is looked at: its title.
OnGroup = Callable[[str], None]


@dataclass(frozen=True)
class CheckGroup:
    """Checks that belong together, under a title."""

    title: str
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class DoctorReport:
    """Everything that one examination saw. `board` and `l4t` are None where the machine does not name them."""

    machine: Machine
    board: str | None
    l4t: str | None
    bundle: str | None
    groups: tuple[CheckGroup, ...]
    edge_nt: str
    kind: Literal["edge-nt doctor"] = "edge-nt doctor"
    schema_version: Literal[1] = 1

    def having(self, status: str) -> tuple[Check, ...]:
        """The checks of one status."""
        return tuple(check for group in self.groups for check in group.checks if check.status == status)


def examine(scope: Scope, on_group: OnGroup | None = None) -> DoctorReport:
    """Look at everything. Never raises for what a machine is like: a check that cannot be made says so."""
    groups = []
    for title in _GROUPS:
        if on_group is not None:
            on_group(title)
        groups.append(CheckGroup(title, _checked(title, scope)))
    board = read_board(scope.root)
    return DoctorReport(
        machine=describe_machine(),
        board=board.model,
        l4t=board.l4t,
        bundle=None if scope.bundle is None else scope.bundle.name,
        groups=tuple(groups),
        edge_nt=edge_nt.__version__,
    )


# Title: file and function. The bundle before the memory, so that what it takes has been measured; packages before
# whatever imports them.
_GROUPS = {
    "Board": ("jetson", "check_jetson"),
    "Packages": ("packages", "check_packages"),
    "GPU": ("gpu", "check_gpu"),
    "Power and clocks": ("clocks", "check_clocks"),
    "Heat": ("heat", "check_heat"),
    "Disk": ("disk", "check_disk"),
    "Pictures": ("codecs", "check_codecs"),
    "Cameras": ("cameras", "check_cameras"),
    "Time": ("time_sync", "check_time"),
    "Service": ("service", "check_service"),
    "Bundle": ("bundle", "check_bundle"),
    "Memory": ("memory", "check_memory"),
}


def _checked(title: str, scope: Scope) -> tuple[Check, ...]:
    module, name = _GROUPS[title]
    try:
        # Imported only now: a package that its file needs may be what is broken.
        checks: tuple[Check, ...] = getattr(import_module(f"edge_nt.health.{module}"), name)(scope)
    except Exception as error:
        # Whatever a machine is like, the other groups are looked at, and this one is seen to be missing.
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        return (warn(title.lower(), f"could not be checked: {reason}", "report this as a defect of edge-nt"),)
    return checks
