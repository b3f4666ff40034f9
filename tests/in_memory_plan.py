"""The plan of the TensorRT in memory: it carries the ONNX graph, which onnxruntime runs. Only tests import it."""

from enum import Enum

import onnxruntime

MAGIC = b"plan in memory\n"

DataType = Enum("DataType", ["FLOAT", "HALF", "INT8"])


class ITensor:
    def __init__(self, node) -> None:
        self.name, self.shape = node.name, tuple(node.shape)
        self.dtype = {"tensor(float)": DataType.FLOAT, "tensor(float16)": DataType.HALF}[node.type]


class Graph:
    """What parser and engine know of ONNX bytes."""

    def __init__(self, content: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.content = content
        self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.inputs = [ITensor(node) for node in self.session.get_inputs()]
        self.outputs = [ITensor(node) for node in self.session.get_outputs()]
