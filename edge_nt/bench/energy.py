"""What the machine says it draws: Intel and AMD through RAPL, Jetson through its INA3221 sensors.

RAPL is read as the kernel's powercap class gives it. The Jetson path follows the kernel's hwmon class and NVIDIA's rail
names; it has not been run on a device yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, sleep
from typing import Protocol

# The sensor averages over some milliseconds itself; faster reading would only heat the board.
_SAMPLE_S = 0.05
_IDLE_S = 1.0


class EnergyMeter(Protocol):
    """Counts joules while it is entered; `joules` adds up over all the times."""

    name: str
    joules: float

    def __enter__(self) -> EnergyMeter:
        """Start counting."""

    def __exit__(self, *error: object) -> None:
        """Stop counting."""


@dataclass(frozen=True)
class NoMeter:
    """Why this machine's energy cannot be measured."""

    reason: str


def find_meter(sys_root: Path = Path("/sys")) -> EnergyMeter | NoMeter:
    """The machine's energy meter, or the reason why there is none."""
    packages = [
        domain
        for domain in sorted((sys_root / "class/powercap").glob("intel-rapl:*"))
        if _text(domain / "name").startswith("package-")
    ]
    rails = _jetson_rails(sys_root)
    try:
        if packages:
            return RaplMeter(tuple(RaplDomain(domain) for domain in packages))
        if rails:
            return JetsonMeter(rails)
    except (OSError, ValueError) as error:
        return NoMeter(f"the machine has a meter that this user cannot read: {error}")
    return NoMeter("no RAPL packages under /sys/class/powercap and no INA3221 sensors under /sys/class/hwmon")


def idle_w(meter: EnergyMeter) -> float:
    """What the machine draws while this process sleeps for a second."""
    before, start = meter.joules, perf_counter()
    with meter:
        sleep(_IDLE_S)
    return (meter.joules - before) / (perf_counter() - start)


class RaplDomain:
    """One processor package's counter in microjoules, which runs over at its range. Raises: OSError, ValueError."""

    def __init__(self, folder: Path) -> None:
        self._counter = folder / "energy_uj"
        self._range_uj = int((folder / "max_energy_range_uj").read_text())
        self._last_uj = self._read()

    def advance_j(self) -> float:
        """Joules since the last call; a counter that ran over once in between is set right."""
        now_uj = self._read()
        used_uj = now_uj - self._last_uj
        self._last_uj = now_uj
        return (used_uj if used_uj >= 0 else used_uj + self._range_uj) / 1e6

    def _read(self) -> int:
        return int(self._counter.read_text())


class RaplMeter:
    """All processor packages together; memory and the rest of the machine are not in it."""

    def __init__(self, domains: tuple[RaplDomain, ...]) -> None:
        self.name = f"RAPL, {len(domains)} processor package{'s' if len(domains) > 1 else ''}"
        self.joules = 0.0
        self._domains = domains

    def __enter__(self) -> RaplMeter:
        for domain in self._domains:
            domain.advance_j()
        return self

    def __exit__(self, *error: object) -> None:
        self.joules += sum(domain.advance_j() for domain in self._domains)


@dataclass(frozen=True)
class Rail:
    """A rail's sensor files: millivolts and milliamperes."""

    label: str
    millivolts: Path
    milliamperes: Path

    def watts(self) -> float:
        """What the rail draws now. Raises: OSError, ValueError."""
        return int(self.millivolts.read_text()) * int(self.milliamperes.read_text()) / 1e6


class JetsonMeter:
    """Power of the rails, sampled by a thread and summed over time (trapezoids). Raises: OSError, ValueError."""

    def __init__(self, rails: tuple[Rail, ...]) -> None:
        self.name = f"INA3221, {' + '.join(rail.label for rail in rails)}"
        self.joules = 0.0
        self._rails = rails
        self._error: Exception | None = None
        self._watts()

    def __enter__(self) -> JetsonMeter:
        self._stop = Event()
        self._last = perf_counter(), self._watts()
        self._thread = Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        self._advance()

    def _sample(self) -> None:
        try:
            while not self._stop.wait(_SAMPLE_S):
                self._advance()
        except (OSError, ValueError) as reason:
            # A thread that dies unheard would leave too few joules behind.
            self._error = reason

    def _advance(self) -> None:
        now, watts = perf_counter(), self._watts()
        self.joules += (now - self._last[0]) * (watts + self._last[1]) / 2
        self._last = now, watts

    def _watts(self) -> float:
        return sum(rail.watts() for rail in self._rails)


def _jetson_rails(sys_root: Path) -> tuple[Rail, ...]:
    """The rails that together are the module: VDD_IN alone where there is one, else all labelled ones but sums."""
    rails = [
        Rail(label, folder / f"in{index}_input", folder / f"curr{index}_input")
        for folder in sorted((sys_root / "class/hwmon").glob("hwmon*"))
        if _text(folder / "name") == "ina3221"
        for index in (1, 2, 3)
        if (label := _text(folder / f"in{index}_label")) not in ("", "NC", "sum of shunt voltages")
    ]
    whole = [rail for rail in rails if rail.label == "VDD_IN"]
    return tuple(whole or rails)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
