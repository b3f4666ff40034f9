"""The error tree. Every error a user can cause reads ``Expected … Got … Fix: …`` and carries its exit code."""

from __future__ import annotations


class EdgeNtError(Exception):
    """A failure that a user can understand and mend; printed once, in one line, by the command line.

    Exit codes: 0 ok, 1 a gate failed, 2 bad input, 3 a dependency or device is missing.
    """

    exit_code = 2

    def __init__(self, *, expected: str, got: str, fix: str) -> None:
        self.expected = expected
        self.got = got
        self.fix = fix
        super().__init__(f"Expected {expected}. Got {got}. Fix: {fix}.")


class InputError(EdgeNtError):
    """A file, folder, flag or setting is not what the command needs."""

    exit_code = 2


class NonFiniteError(InputError):
    """A graph gave NaN or infinity for a frame."""


class LeakageError(InputError):
    """Rows of a held-out hospital, or of validation, would reach training or calibration."""


class GateFailedError(EdgeNtError):
    """A measured quantity is worse than its gate allows."""

    exit_code = 1


class MissingDependencyError(EdgeNtError):
    """A package, library or device that the command needs is not on this machine."""

    exit_code = 3
