"""What board this is, and whether it is a Jetson."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edge_nt.sensors.node import read_text


@dataclass(frozen=True)
class Board:
    """`model` is the name in the device tree, as Arm boards have; `l4t` a Jetson's system release, such as R36.4.3."""

    model: str | None
    l4t: str | None

    @property
    def is_jetson(self) -> bool:
        """Whether anything here says that this is an NVIDIA Jetson, or a module of one on another maker's board."""
        return self.l4t is not None or re.search(r"jetson|nvidia|tegra", self.model or "", re.IGNORECASE) is not None


def read_board(root: Path = Path("/")) -> Board:
    """The board, as the device tree and NVIDIA's release file name it."""
    model = read_text(root / "proc/device-tree/model") or None
    return Board(model, l4t_release(read_text(root / "etc/nv_tegra_release") or ""))


def l4t_release(text: str) -> str | None:
    """The release in the text of /etc/nv_tegra_release, such as R36.4.3; None where it names none."""
    # ``# R36 (release), REVISION: 4.3, GCID: …``
    found = re.match(r"#\s*(R\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)", text)
    return f"{found[1]}.{found[2]}" if found else None
