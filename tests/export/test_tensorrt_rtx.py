import sys
from pathlib import Path

import onnx
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from edge_nt.export.lint import GraphRejectedError, lint
from edge_nt.export.onnx_graph import graph_bytes
from edge_nt.export.tensorrt_rtx import check_with_tensorrt_rtx


def _needs_tensorrt() -> None:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is built for x86-64 only")


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize(("height", "width"), [(192, 256), (256, 320)])
def test_every_exported_graph_is_parsed_and_built(graphs, precision, height, width):
    _needs_tensorrt()
    made = graphs(precision, height, width)
    check = check_with_tensorrt_rtx({name: graph_bytes(model) for name, model in vars(made).items()})
    assert check.version is not None
    assert check.not_checked is None
    # A plan holds the weights at their precision: INT8 kept as float would be four times as large.
    for name, model in vars(made).items():
        assert 0.8 < check.plan_bytes[name] / len(graph_bytes(model)) < 1.5


class Samples(CalibrationDataReader):
    """Frames (N, 1, H, W), handed to the quantiser one at a time."""

    def __init__(self, frames) -> None:
        self._feeds = ({"frame": frame[None]} for frame in frames)

    def get_next(self):
        return next(self._feeds, None)


def test_what_the_quantiser_does_by_default_is_refused_by_lint_and_by_tensorrt(graphs, frames, tmp_path: Path):
    _needs_tensorrt()
    single = onnx.ModelProto.FromString(graph_bytes(graphs("fp32", 192, 256).encoder))
    target = tmp_path / "default.onnx"
    samples = Samples(frames(192, 256))
    int8 = QuantType.QInt8
    quantize_static(single, target, samples, quant_format=QuantFormat.QDQ, activation_type=int8, weight_type=int8)
    model = onnx.load(target)
    assert any("reads int32 constants" in violation for violation in lint(model, "tensorrt"))
    with pytest.raises(GraphRejectedError, match="encoder") as refusal:
        check_with_tensorrt_rtx({"encoder": graph_bytes(model)})
    assert "parser" in refusal.value.got


def test_the_cpu_form_is_refused_by_tensorrts_lint_and_by_tensorrt_itself(graphs):
    _needs_tensorrt()
    for name, model in vars(graphs("int8", 192, 256, "cpu")).items():
        assert any("reads int32 constants" in violation for violation in lint(model, "tensorrt"))
        with pytest.raises(GraphRejectedError, match=name):
            check_with_tensorrt_rtx({name: graph_bytes(model)})


def test_a_mixed_type_graph_is_refused_because_typing_is_strong(graphs):
    _needs_tensorrt()
    model = onnx.ModelProto.FromString(graph_bytes(graphs("fp16", 192, 256).decoder))
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "conv_1.bias")
    values = onnx.numpy_helper.to_array(bias).astype("float32")
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    with pytest.raises(GraphRejectedError):
        check_with_tensorrt_rtx({"decoder": graph_bytes(model)})


def test_bytes_that_are_no_graph_are_refused():
    _needs_tensorrt()
    with pytest.raises(GraphRejectedError, match="decoder"):
        check_with_tensorrt_rtx({"decoder": b"not a graph"})


def test_without_the_package_the_check_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    check = check_with_tensorrt_rtx({"encoder": b""})
    assert (check.version, check.plan_bytes) == (None, {})
    assert check.not_checked == "tensorrt-rtx is not installed"
