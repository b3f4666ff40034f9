"""What a test makes the TensorRT in memory refuse, and the logger that hears why. Only tests import it."""

from enum import IntEnum


class Refusals:
    """What a test makes this TensorRT refuse: with a text each, or not at all."""

    typed_build: str | None = None
    build: str | None = None
    plan: str | None = None
    enqueue: str | None = None
    # Why CUDA does not start: a warning, and then neither builder nor runtime.
    start: str | None = None
    # Set by a build that its progress monitor asked to stop.
    cancelled: bool = False


class Severity(IntEnum):
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class ILogger:
    def __init__(self) -> None:
        self.initialised = True

    def log(self, severity: Severity, msg: str) -> None:
        raise NotImplementedError


ILogger.Severity = Severity


def start(logger: ILogger, refusals: Refusals) -> None:
    if refusals.start:
        logger.log(Severity.WARNING, refusals.start)
        raise TypeError("pybind11::init(): factory function returned nullptr")
