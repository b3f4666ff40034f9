"""The rails of a Jetson's power monitor, as the kernel's hwmon class gives them; not yet run on a device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_nt.sensors.node import entries, read_text, read_whole

# The module's own input where the board measures it; the other rails are parts of it.
_WHOLE = "VDD_IN"
_NO_RAIL = ("", "NC", "sum of shunt voltages")
# Of an AGX Orin, where nothing measures the whole: this rail is a part of that one (NVIDIA's Jetson Linux Developer
# Guide, "Software-Based Power Consumption Modeling", as others cite it).
_PARTS = {"VDDQ_VDD2_1V8AO": "VIN_SYS_5V0"}
# The board that carries an industrial AGX Orin is measured too, and is not the module.
_CARRIER = "CVB_"


@dataclass(frozen=True)
class Rail:
    """A rail's sensor files: millivolts and milliamperes."""

    label: str
    millivolts: Path
    milliamperes: Path

    def watts(self) -> float:
        """What the rail draws now. Raises: OSError when a file of it does not hold a number."""
        volts, amperes = read_whole(self.millivolts), read_whole(self.milliamperes)
        if volts is None or amperes is None:
            raise OSError(f"the sensor of rail {self.label} does not answer")
        return volts * amperes / 1e6


def module_rails(root: Path) -> tuple[Rail, ...]:
    """The rails that together are the module: VDD_IN alone where there is one, else all labelled ones of it.

    Without sums, without parts of other rails, and without those of the carrier board.
    """
    rails = [
        Rail(label, folder / f"in{index}_input", folder / f"curr{index}_input")
        for folder in entries(root / "sys/class/hwmon", "hwmon*")
        if read_text(folder / "name") == "ina3221"
        for index in (1, 2, 3)
        if (label := read_text(folder / f"in{index}_label") or "") not in _NO_RAIL
    ]
    labels = {rail.label for rail in rails}
    if _WHOLE in labels:
        return tuple(rail for rail in rails if rail.label == _WHOLE)
    return tuple(rail for rail in rails if _PARTS.get(rail.label) not in labels and not rail.label.startswith(_CARRIER))
