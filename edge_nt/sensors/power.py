"""What the machine says it draws: Intel and AMD through RAPL, Jetson through its INA3221 sensors.

RAPL is read as the kernel's powercap class gives it. The Jetson path follows the kernel's hwmon class and NVIDIA's rail
names; it has not been run on a device yet.
"""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread
from time import perf_counter, sleep
from typing import Protocol

from edge_nt.sensors.ina3221 import Rail, module_rails
from edge_nt.sensors.not_measured import NotMeasured
from edge_nt.sensors.rapl import RaplDomain, rapl_packages

# The sensor averages over some milliseconds itself; faster reading would only heat the board.
_SAMPLE_S = 0.05
_IDLE_S = 1.0
# Of readings further apart a counter does not tell how often it ran over: after 2^32 of 61 µJ, 262 s at a kilowatt.
_SHORTEST_MEAN_S, _LONGEST_MEAN_S = 0.01, 200.0


class EnergyMeter(Protocol):
    """Counts joules while it is entered; `joules` adds up over all the times. `watts_now` needs no entering."""

    name: str
    joules: float

    def __enter__(self) -> EnergyMeter:
        """Start counting."""

    def __exit__(self, *error: object) -> None:
        """Stop counting."""

    def watts_now(self) -> float | NotMeasured:
        """What the machine draws now, or has drawn since this was last asked; never raises."""


class NoMeter(NotMeasured):
    """Why this machine's energy cannot be measured."""


def find_meter(root: Path = Path("/")) -> EnergyMeter | NoMeter:
    """The machine's energy meter, or the reason why there is none."""
    packages, rails = rapl_packages(root), module_rails(root)
    try:
        if packages:
            return RaplMeter(tuple(RaplDomain(domain) for domain in packages))
        if rails:
            return JetsonMeter(rails)
    except OSError as error:
        return NoMeter(f"the machine has a meter that this user cannot read: {error}")
    return NoMeter("no RAPL packages under /sys/class/powercap and no INA3221 sensors under /sys/class/hwmon")


def idle_w(meter: EnergyMeter) -> float:
    """What the machine draws while this process sleeps for a second."""
    before, start = meter.joules, perf_counter()
    with meter:
        sleep(_IDLE_S)
    return (meter.joules - before) / (perf_counter() - start)


class RaplMeter:
    """All processor packages together; memory and the rest of the machine are not in it. Raises: OSError."""

    def __init__(self, domains: tuple[RaplDomain, ...]) -> None:
        self.name = f"RAPL, {len(domains)} processor package{'s' if len(domains) > 1 else ''}"
        self.joules = 0.0
        self._domains = domains
        self._asked_s = perf_counter()

    def __enter__(self) -> RaplMeter:
        self._advance_j()
        return self

    def __exit__(self, *error: object) -> None:
        self.joules += self._advance_j()

    def watts_now(self) -> float | NotMeasured:
        """The mean since this was last asked, or since the meter was found: a counter has no moment. Not inside with.

        Asked again within a hundredth of a second it has no answer, since the counter itself ticks in milliseconds; nor
        when it was not asked for minutes.
        """
        elapsed_s = perf_counter() - self._asked_s
        if elapsed_s < _SHORTEST_MEAN_S:
            return NotMeasured("a counter needs two readings, some time apart")
        try:
            watts = self._advance_j() / elapsed_s
        except OSError as error:
            return NotMeasured(str(error))
        self._asked_s = perf_counter()
        return watts if elapsed_s <= _LONGEST_MEAN_S else NotMeasured("a counter needs two readings within minutes")

    def _advance_j(self) -> float:
        return sum(domain.advance_j() for domain in self._domains)


class JetsonMeter:
    """Power of the rails, sampled by a thread and summed over time (trapezoids). Raises: OSError."""

    def __init__(self, rails: tuple[Rail, ...]) -> None:
        self.name = f"INA3221, {' + '.join(rail.label for rail in rails)}"
        self.joules = 0.0
        self._rails = rails
        self._error: OSError | None = None
        self._watts()

    def __enter__(self) -> JetsonMeter:
        self._stop, self._error = Event(), None
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

    def watts_now(self) -> float | NotMeasured:
        """What the rails draw at this moment."""
        try:
            return self._watts()
        except OSError as error:
            return NotMeasured(str(error))

    def _sample(self) -> None:
        try:
            while not self._stop.wait(_SAMPLE_S):
                self._advance()
        except OSError as reason:
            # A thread that dies unheard would leave too few joules behind.
            self._error = reason

    def _advance(self) -> None:
        now, watts = perf_counter(), self._watts()
        self.joules += (now - self._last[0]) * (watts + self._last[1]) / 2
        self._last = now, watts

    def _watts(self) -> float:
        return sum(rail.watts() for rail in self._rails)
