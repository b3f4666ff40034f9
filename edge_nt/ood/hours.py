"""The frames of one hour in a few plain figures."""

from __future__ import annotations

from dataclasses import replace

from edge_nt.ood.combined_scorer import OodScore
from edge_nt.ood.drift_record import P_CELLS, HourRecord, OpenHour


class Hour:
    """Takes the frames of one hour; `number` counts hours from 1970 (UTC)."""

    def __init__(self, opened: OpenHour) -> None:
        self.number = opened.number
        self._opened = opened
        self._p_counts = list(opened.p_counts)
        self._sums = list(opened.component_sums)
        self._frames, self._out, self._failed = opened.frames, opened.out, opened.failed

    @classmethod
    def begin(cls, number: int) -> Hour:
        """An hour without a frame."""
        return cls(OpenHour(number, 0, 0, 0, (0.0, 0.0, 0.0), (0,) * P_CELLS))

    def add(self, score: OodScore, *, out: bool) -> None:
        """Count a frame."""
        self._frames += 1
        self._out += out
        self._p_counts[min(int(score.p_value * P_CELLS), P_CELLS - 1)] += 1
        for index, component in enumerate(score.components):
            self._sums[index] += component.deviations

    def fail(self) -> None:
        """Count a frame that could not be scored."""
        self._failed += 1

    def open_record(self) -> OpenHour:
        """Everything, to go on from."""
        return replace(
            self._opened,
            frames=self._frames,
            out=self._out,
            failed=self._failed,
            component_sums=(self._sums[0], self._sums[1], self._sums[2]),
            p_counts=tuple(self._p_counts),
        )

    def record(self) -> HourRecord:
        """What is left of the hour once it is over."""
        if self._frames == 0:
            return HourRecord(self.number * 3600, 0, self._failed, None, None, None)
        passed, cell = 0, -1
        while 2 * passed < self._frames:
            cell += 1
            passed += self._p_counts[cell]
        means = self._sums[0] / self._frames, self._sums[1] / self._frames, self._sums[2] / self._frames
        median_p = (cell + 0.5) / P_CELLS
        return HourRecord(self.number * 3600, self._frames, self._failed, self._out / self._frames, median_p, means)
