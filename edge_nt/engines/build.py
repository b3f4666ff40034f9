"""ONNX bytes → plan bytes, with TensorRT 10.3 to 11.4 from one code path.

Built and parsed for real by TensorRT-RTX in the tests; no plan of TensorRT itself has been built on a device yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from edge_nt.engines.build_progress import OnPhase, held_interrupt, phase_monitor, raise_stopped
from edge_nt.engines.tensorrt_package import collecting_logger, is_out_of_memory, last_words, starting
from edge_nt.engines.weak_typing import weak_typing_flags
from edge_nt.errors import EdgeNtError, InputError, MissingDependencyError

if TYPE_CHECKING:
    import tensorrt as trt

Typing = Literal["strong", "weak"]


class PlanRefusedError(InputError):
    """TensorRT does not take the graph."""


@dataclass(frozen=True)
class EngineTensor:
    """One input or output of a plan: its name, whether it is an input, its shape and TensorRT's name of its type."""

    name: str
    is_input: bool
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class BuiltPlan:
    """A plan in memory, how it was typed, and the timing cache after its build.

    `typed_refusal` is why a weakly typed build was needed, None for a strongly typed one.
    """

    plan: bytes
    tensors: tuple[EngineTensor, ...]
    typing: Typing
    typed_refusal: str | None
    timing_cache: bytes
    build_s: float


def build_plan(
    onnx: bytes, *, name: str, workspace_mb: int, timing_cache: bytes, weak_fallback: bool, on_phase: OnPhase
) -> BuiltPlan:
    """Build the plan of one graph, strongly typed; `name` is the graph's in messages.

    `weak_fallback` allows a weakly typed build where the typed one is refused and this TensorRT still has weak typing.
    `on_phase` hears phase, steps done and steps in all, from threads of TensorRT.
    Raises: PlanRefusedError with TensorRT's own words; MissingDependencyError when it cannot start or memory runs out.
    """
    import tensorrt as trt

    def build(network_flags: int, flags: tuple[trt.BuilderFlag, ...], typing: Typing, refusal: str | None) -> BuiltPlan:
        return _built(
            onnx,
            name,
            network_flags,
            flags,
            workspace_mb=workspace_mb,
            timing_cache=timing_cache,
            on_phase=on_phase,
            described=(typing, refusal),
        )

    try:
        # The flag's value differs between TensorRT 10 and 11: ask for it by name.
        return build(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED), (), "strong", None)
    except PlanRefusedError as refused:
        flags = weak_typing_flags() if weak_fallback else ()
        if not flags:
            raise
        typed_refusal = refused.got
    try:
        return build(0, flags, "weak", typed_refusal)
    except PlanRefusedError as refused:
        got = f"{typed_refusal}; and weakly typed {refused.got}"
        raise PlanRefusedError(expected=refused.expected, got=got, fix=refused.fix) from refused


def _built(
    onnx: bytes,
    name: str,
    network_flags: int,
    flags: tuple[trt.BuilderFlag, ...],
    *,
    workspace_mb: int,
    timing_cache: bytes,
    on_phase: OnPhase,
    described: tuple[Typing, str | None],
) -> BuiltPlan:
    import tensorrt as trt

    start = perf_counter()
    logger, complaints = collecting_logger()
    with starting(complaints):
        builder = trt.Builder(logger)
    network = builder.create_network(network_flags)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(onnx):
        errors = [parser.get_error(index).desc() for index in range(parser.num_errors)]
        raise _refused(name, "parser", errors or complaints, workspace_mb)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_mb << 20)
    # On by default from Ampere on, TF32 rounds the operands of float32 layers to 10 bits: fp32 would not mean float32.
    config.clear_flag(trt.BuilderFlag.TF32)
    for flag in flags:
        config.set_flag(flag)
    _set_timing_cache(config, timing_cache)
    monitor, stopped = phase_monitor(on_phase)
    config.progress_monitor = monitor
    with held_interrupt(stopped):
        plan = builder.build_serialized_network(network, config)
    raise_stopped(stopped)
    if plan is None:
        raise _refused(name, "builder", complaints, workspace_mb)
    cache = bytes(config.get_timing_cache().serialize())
    return BuiltPlan(bytes(plan), _tensors(network), *described, cache, perf_counter() - start)


def _set_timing_cache(config: trt.IBuilderConfig, content: bytes) -> None:
    """Start from the times of earlier builds; what does not fit this device and version is measured again."""
    for each in (content, b""):
        cache = config.create_timing_cache(each)
        if cache is not None and config.set_timing_cache(cache, False):
            return


def _tensors(network: trt.INetworkDefinition) -> tuple[EngineTensor, ...]:
    def described(count: int, get: Callable[[int], trt.ITensor], *, is_input: bool) -> list[EngineTensor]:
        found = [get(index) for index in range(count)]
        return [EngineTensor(each.name, is_input, tuple(each.shape), each.dtype.name) for each in found]

    inputs = described(network.num_inputs, network.get_input, is_input=True)
    return (*inputs, *described(network.num_outputs, network.get_output, is_input=False))


def _refused(name: str, part: str, complaints: list[str], workspace_mb: int) -> EdgeNtError:
    import tensorrt as trt

    if any(map(is_out_of_memory, complaints)):
        return MissingDependencyError(
            expected=f"memory enough to build the {name} with a workspace of {workspace_mb} MB",
            got=f"TensorRT {trt.__version__}: {last_words(complaints)}",
            fix="close other programs, add swap, or lower --workspace-mb; a Jetson's GPU shares the system's memory",
        )
    return PlanRefusedError(
        expected=f"a graph of the {name} that TensorRT {trt.__version__} takes",
        got=f"its {part}: {last_words(complaints)}",
        fix="report this with the TensorRT version, and use a bundle of another precision or another --backend",
    )
