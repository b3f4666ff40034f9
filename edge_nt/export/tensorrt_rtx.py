"""TensorRT's real ONNX parser and ahead-of-time builder, from the package `tensorrt-rtx`; neither needs a GPU."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_nt.export.lint import GraphRejectedError

_PACKAGE = "tensorrt_rtx"


@dataclass(frozen=True)
class TensorRtCheck:
    """What TensorRT-RTX said of the graphs: its version and the plan size of each in bytes, or why it was not asked."""

    version: str | None
    plan_bytes: Mapping[str, int]
    not_checked: str | None = None


def check_with_tensorrt_rtx(graphs: Mapping[str, bytes]) -> TensorRtCheck:
    """Parse and build each graph (name → ONNX bytes), strongly typed, where `tensorrt-rtx` is installed.

    Raises: GraphRejectedError with the parser's or builder's own words.
    """
    try:
        trt = importlib.import_module(_PACKAGE)
    except ModuleNotFoundError as error:
        if error.name != _PACKAGE:
            raise
        return TensorRtCheck(None, {}, "tensorrt-rtx is not installed")
    sizes = {name: _plan_bytes(trt, name, content) for name, content in graphs.items()}
    return TensorRtCheck(str(trt.__version__), sizes)


def _plan_bytes(trt: Any, name: str, content: bytes) -> int:
    logger, complaints = _collecting_logger(trt)
    builder = trt.Builder(logger)
    # The flag's value differs between TensorRT 10 and 11: ask for it by name.
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(content):
        errors = [str(parser.get_error(index).desc()) for index in range(parser.num_errors)]
        raise _rejected(trt, name, "parser", errors or complaints)
    # With no compute capability set, the plan is portable and no GPU is looked for.
    plan = builder.build_serialized_network(network, builder.create_builder_config())
    if plan is None:
        raise _rejected(trt, name, "builder", complaints)
    return int(plan.nbytes)


def _collecting_logger(trt: Any) -> tuple[Any, list[str]]:
    complaints: list[str] = []

    class Logger(trt.ILogger):  # type: ignore[misc]  # the base is known only where the package is
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.Severity.ERROR:
                complaints.append(message)

    return Logger(), complaints


def _rejected(trt: Any, name: str, part: str, complaints: list[str]) -> GraphRejectedError:
    return GraphRejectedError(
        expected=f"a {name} graph that TensorRT-RTX {trt.__version__} takes",
        got=f"its {part}: {' | '.join(complaints) or 'no reason given'}",
        fix="correct the model or the export recipe; docs/export.md has the rules",
    )
