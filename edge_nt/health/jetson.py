"""The board, its L4T release and its JetPack packages; not yet run on a device."""

from __future__ import annotations

import re

from edge_nt.health.check import Check, fail, not_applicable, ok, warn
from edge_nt.health.scope import Scope
from edge_nt.machine import describe_machine
from edge_nt.sensors.board import Board, read_board
from edge_nt.sensors.node import read_text

# JetPack 6.1 is L4T R36.4 and the first with TensorRT 10.3; JetPack 6.0 (R36.3) has 8.6.
_OLDEST_L4T = (36, 4)
# dpkg's list of packages is a few MB with a desktop, and no file of the kernel's.
_LARGEST_STATUS_BYTES = 1 << 26
_UPDATE = "update the board to JetPack 6.1 (L4T R36.4) or newer with NVIDIA's SDK Manager or apt"


def check_jetson(scope: Scope) -> tuple[Check, ...]:
    """The board, and on a Jetson its system release and JetPack."""
    board = read_board(scope.root)
    if not board.is_jetson:
        machine = describe_machine()
        name = board.model or f"{machine.cpu}, {machine.architecture}"
        return (not_applicable("board", f"no Jetson: {name}; what applies here is checked below"),)
    return ok("board", board.model or "a Jetson that does not name itself"), _l4t(board), _jetpack(scope)


def _l4t(board: Board) -> Check:
    if board.l4t is None:
        fix = "in a container, mount the host's /etc/nv_tegra_release"
        return warn("L4T", "no readable /etc/nv_tegra_release", fix)
    found = re.match(r"R(\d{1,4})\.(\d{1,4})", board.l4t)
    if not found:
        return warn("L4T", f"{board.l4t}, which has no minor release", _UPDATE)
    if (int(found[1]), int(found[2])) < _OLDEST_L4T:
        return fail("L4T", f"{board.l4t}, whose TensorRT is older than 10.3", _UPDATE)
    return ok("L4T", board.l4t)


def _jetpack(scope: Scope) -> Check:
    status = read_text(scope.root / "var/lib/dpkg/status", _LARGEST_STATUS_BYTES)
    version = _installed("nvidia-jetpack", status or "")
    if version is None:
        seen = "the package nvidia-jetpack is not installed; its parts may be"
        return not_applicable("JetPack", seen, "sudo apt install nvidia-jetpack")
    return ok("JetPack", version)


def _installed(package: str, status: str) -> str | None:
    stanza = re.search(rf"^Package: {re.escape(package)}$(.*?)(?:\n\n|\Z)", status, re.MULTILINE | re.DOTALL)
    if not stanza or "Status: install ok installed" not in stanza[1]:
        return None
    version = re.search(r"^Version: (\S{1,80})$", stanza[1], re.MULTILINE)
    return version[1] if version else None
