"""An exported graph as a torch module that trains: its pairs round as in the graph, gradients pass straight through.

The module is built from the graph itself, so there is no second list of where values are rounded that could drift away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import onnx
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor, nn

from edge_nt.bundle.manifest import FloatType
from edge_nt.export.graph_facts import PASSING_OPS, WEIGHTED_OPS, GraphFacts, array_of
from edge_nt.export.grids import least_scale_of, quantised_bias, quantised_weights
from edge_nt.export.ranges import Range

_ROUND = "QuantizeLinear"
_AS_THEY_ARE: Mapping[str, Callable[[Tensor], Tensor]] = {
    "Relu": F.relu,
    "Sigmoid": torch.sigmoid,
    # QuantizeLinear has given values already; and this module computes in float32 whatever the graph is typed.
    "DequantizeLinear": lambda values: values,
    "Cast": lambda values: values,
}


class FakeQuantGraph(nn.Module):
    """One exported graph for batches of any size: values (N, …) → the graph's output (N, …), in float32.

    `exact` is the float32 graph whose weights are trained, `rounded` a form of it whose pairs are to be repeated: INT8
    for either target, or the float32 graph once more, which has none. `factors` are trained beside `constants`: what
    each activation's range is multiplied by. The range of the graph's own input stays as it is: a frame's is given by
    contract, and a latent's has room for hospitals that no training sees.
    """

    def __init__(self, exact: onnx.ModelProto, rounded: onnx.ModelProto) -> None:
        super().__init__()
        self._facts = GraphFacts.of(rounded)
        self._source, self._target = rounded.graph.input[0].name, rounded.graph.output[0].name
        # A pair of constants belongs to its layer, which trains what it rounds.
        self._nodes = [node for node in rounded.graph.node if node.input[0] not in self._facts.constants]
        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in exact.graph.initializer}
        self._names = {node.name: tuple(node.input[1:]) for node in exact.graph.node if node.op_type in WEIGHTED_OPS}
        self.constants = nn.ParameterDict(
            {_key(name): torch.from_numpy(stored[name].copy()) for names in self._names.values() for name in names}
        )
        self._ranges = {node.output[0]: _range_of(exact, node) for node in self._nodes if node.op_type == _ROUND}
        learned = {name for name in self._ranges.values() if name != self._source}
        self.factors = nn.ParameterDict({_key(name): torch.ones(()) for name in sorted(learned)})

    def forward(self, values: Tensor) -> Tensor:
        """The graph's output for a batch of its inputs."""
        return self.activations(values)[self._target]

    def activations(self, values: Tensor, given: Mapping[str, Tensor] = MappingProxyType({})) -> dict[str, Tensor]:
        """Every activation of a batch by its name in the graph; integers as the values that they stand for.

        What follows an activation that is `given` starts from that one instead of from its own.
        """
        now = {self._source: values}
        for node in self._nodes:
            source = node.input[0]
            now[node.output[0]] = self._run(node, given.get(source, now[source]))
        return now

    def constants_of(self, layer: str) -> tuple[Tensor, Tensor]:
        """Weight and bias of a layer as it computes with them: rounded where the graph has them rounded."""
        node = next(node for node in self._nodes if node.name == layer)
        weight, bias = (self.constants[_key(name)] for name in self._names[layer])
        source, weight_pair, bias_pair = (self._pair(name) for name in node.input)
        if weight_pair is None:
            return weight, bias
        float_type: FloatType = "fp16" if self._array(weight_pair.input[1]).dtype == np.float16 else "fp32"
        if source is None or bias_pair is None:
            return _rounded_constants(weight, bias, float_type, None)
        return _rounded_constants(weight, bias, float_type, self._scale(source.input[0], source.input[1]))

    def _run(self, node: onnx.NodeProto, values: Tensor) -> Tensor:
        if node.op_type in WEIGHTED_OPS:
            return self._run_layer(node, values)
        if node.op_type == _ROUND:
            point = self._array(node.input[2])
            return _rounded_activation(values, self._scale(node.output[0], node.input[1]), point)
        if node.op_type == "Reshape":  # the graph's own batch is 1
            return values.reshape(len(values), *self._array(node.input[1])[1:].tolist())
        if node.op_type == "DepthToSpace":
            return F.pixel_shuffle(values, _attributes(node)["blocksize"])
        return _AS_THEY_ARE[node.op_type](values)

    def _run_layer(self, node: onnx.NodeProto, values: Tensor) -> Tensor:
        weight, bias = self.constants_of(node.name)
        if node.op_type == "Gemm":
            return F.linear(values, weight, bias)
        settings = _attributes(node)
        return F.conv2d(values, weight, bias, settings["strides"], settings["pads"][:2])

    def _scale(self, integers: str, scale: str) -> Tensor:
        """The step of an activation's integers now."""
        fitted = torch.tensor(float(self._array(scale)), device=next(self.parameters()).device)
        factor = _key(self._ranges[integers])
        return fitted * self.factors[factor] if factor in self.factors else fitted

    def _pair(self, name: str) -> onnx.NodeProto | None:
        maker = self._facts.maker.get(name)
        return maker if maker is not None and maker.op_type == "DequantizeLinear" else None

    def _array(self, name: str) -> NDArray[Any]:
        return cast("NDArray[Any]", array_of(self._facts, name))


def trained_graph(exact: onnx.ModelProto, trained: FakeQuantGraph) -> onnx.ModelProto:
    """A copy of the float32 graph `exact` with the weights and biases that `trained` has now."""
    model = onnx.ModelProto()
    model.CopyFrom(exact)
    for tensor in model.graph.initializer:
        if _key(tensor.name) in trained.constants:
            values = trained.constants[_key(tensor.name)].detach().cpu().contiguous().numpy()
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return model


def trained_ranges(fitted: Mapping[str, Range], trained: FakeQuantGraph) -> dict[str, Range]:
    """The ranges of a graph, each times what `trained` has learnt of it."""
    factors = {key: float(factor.detach()) for key, factor in trained.factors.items()}
    learnt = {name: factors.get(_key(name), 1.0) for name in fitted}
    return {name: Range(learnt[name] * span.low, learnt[name] * span.high) for name, span in fitted.items()}


def _range_of(exact: onnx.ModelProto, pair: onnx.NodeProto) -> str:
    """The tensor whose range a pair takes: what its values end as, behind the ReLU and whatever only moves them."""
    name = pair.input[0].removesuffix(".fp16")
    for node in exact.graph.node:
        if node.op_type in PASSING_OPS and node.input[0] == name:
            name = node.output[0]
    return str(name)


def _rounded_activation(values: Tensor, scale: Tensor, point: NDArray[Any]) -> Tensor:
    """Values on their grid. What is cut off pulls at the range alone.

    This is learned step size quantisation (Esser et al. 2020) without its gradient scale, which Adam cancels.
    """
    limits = np.iinfo(point.dtype)
    steps = (values / scale).clamp(int(limits.min) - int(point), int(limits.max) - int(point))
    return (steps + (steps.round() - steps).detach()) * scale


def _rounded_constants(
    weight: Tensor, bias: Tensor, float_type: FloatType, input_scale: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Weights, and with `input_scale` the bias, as the exporter's own functions round them: to the bit."""
    weights, biases = (constant.detach().cpu().numpy() for constant in (weight, bias))
    step = None if input_scale is None else input_scale.detach().cpu().numpy()
    least_scale = np.zeros_like(biases) if step is None else least_scale_of(biases, step)
    integers, grid = quantised_weights(weights, least_scale, float_type)
    weight = _straight_through(weight, integers * grid.scale.reshape(-1, *[1] * (weights.ndim - 1)))
    if step is not None:
        steps, bias_grid = quantised_bias(biases, step, grid.scale)
        bias = _straight_through(bias, (steps * bias_grid.scale.astype(np.float64)).astype(np.float32))
    return weight, bias


def _straight_through(exact: Tensor, rounded: NDArray[np.float32]) -> Tensor:
    """The values of `rounded` with the gradient of `exact`: what is added to them is 0."""
    return torch.from_numpy(rounded).to(exact.device) + (exact - exact.detach())


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _key(name: str) -> str:
    return name.replace(".", "/")  # torch keeps the dot for itself
