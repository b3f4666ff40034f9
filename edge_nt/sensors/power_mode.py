"""A Jetson's power mode, from the two files that nvpmodel itself keeps: no program is started, no root is needed.

``/var/lib/nvpmodel/status`` holds the mode in force (``pmode:0002``), ``/etc/nvpmodel.conf`` all modes with their caps
(``< POWER_MODEL ID=2 NAME=MAXN_SUPER >``, ``GPU MAX_FREQ -1``). Not yet run on a device.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from edge_nt.sensors.jetson_stats import JetsonStats, read_jetson_stats
from edge_nt.sensors.node import read_text
from edge_nt.sensors.not_measured import NotMeasured

STATUS = "var/lib/nvpmodel/status"
CATALOGUE = "etc/nvpmodel.conf"

_STATUS = re.compile(r"pmode:([0-9]{1,4})")
_HEAD = re.compile(r"<\s*POWER_MODEL\s+ID\s*=\s*([0-9]{1,4})\s+NAME\s*=\s*([^\s>]{1,64})\s*>")
_CAP = re.compile(r"(GPU|EMC|CPU_\w+)\s+MAX_FREQ\s+(-?[0-9]{1,19})")
_CORE = re.compile(r"CPU_ONLINE\s+CORE_[0-9]+\s+1")
_UNCAPPED = 1 << 60


@dataclass(frozen=True)
class PowerMode:
    """The mode in force. `fastest` is the one that caps the least, None where the catalogue does not tell.

    The fastest is not the one with the highest number: an Orin Nano Super has 15W=0, 25W=1, MAXN_SUPER=2 and 7W=3.
    """

    number: int
    name: str
    fastest: str | None
    fastest_number: int | None

    @property
    def is_fastest(self) -> bool | None:
        """Whether no other mode is faster; None where that is not known."""
        return None if self.fastest_number is None else self.number == self.fastest_number


def read_power_mode(root: Path = Path("/")) -> PowerMode | NotMeasured:
    """The power mode in force, or why it is not known."""
    found = _STATUS.search(read_text(root / STATUS) or "")
    if not found:
        return NotMeasured(f"no power mode in /{STATUS}, which a Jetson has")
    number, modes = int(found[1]), read_modes(root)
    name = modes.get(number)
    if name is None:
        return NotMeasured(f"/{STATUS} says mode {number}, which /{CATALOGUE} does not have")
    fastest = _fastest(root)
    return PowerMode(number, name, None if fastest is None else modes[fastest], fastest)


def ask_power_mode(root: Path = Path("/")) -> PowerMode | NotMeasured:
    """The power mode as jetson-stats says where its service answers, else as the files do; may take some seconds."""
    told, found = read_jetson_stats(root), read_power_mode(root)
    if isinstance(told, JetsonStats) and told.mode_number is not None and told.mode is not None:
        fastest = _fastest(root)
        return PowerMode(told.mode_number, told.mode, None if fastest is None else read_modes(root)[fastest], fastest)
    if isinstance(found, NotMeasured) and isinstance(told, NotMeasured):
        return NotMeasured(f"{found.reason}; {told.reason}")
    return found


def read_modes(root: Path = Path("/")) -> dict[int, str]:
    """The names of all power modes by number; empty where there is no catalogue."""
    return {int(head[1]): head[2] for head in _HEAD.finditer(_catalogue(root))}


def _fastest(root: Path) -> int | None:
    """The mode with the highest caps: GPU first, then memory, then cores; None where a mode leaves its GPU's unsaid."""
    text = _catalogue(root)
    heads = [*_HEAD.finditer(text)]
    ends = [head.start() for head in heads[1:]] + [len(text)]
    caps = {int(head[1]): _caps(text[head.end() : end]) for head, end in zip(heads, ends, strict=True)}
    if not caps or any(each[0] is None for each in caps.values()):
        return None
    return max(caps, key=lambda number: tuple(cap or 0.0 for cap in caps[number]))


def _caps(block: str) -> tuple[float | None, float | None, float]:
    found: dict[str, float] = {}
    for name, text in _CAP.findall(block):
        # -1 leaves a clock as it is, and so does 0 for the memory.
        value = int(text)
        found[name] = math.inf if value < 0 or value >= _UNCAPPED or (name == "EMC" and value == 0) else float(value)
    cores = [value for name, value in found.items() if name.startswith("CPU_")]
    return found.get("GPU"), found.get("EMC"), max(cores, default=0.0) * max(len(_CORE.findall(block)), 1)


def _catalogue(root: Path) -> str:
    lines = (read_text(root / CATALOGUE) or "").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))
