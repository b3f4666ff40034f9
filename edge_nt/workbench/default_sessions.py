"""onnxruntime and OpenVINO as their first pages of documentation show them, every setting left alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class DefaultOnnxRuntimeSession:
    """Two plain sessions, run one after the other: their idle threads spin, and take the cores from each other."""

    backend = "onnxruntime defaults"

    def __init__(self, encoder_onnx: bytes, decoder_onnx: bytes) -> None:
        import onnxruntime

        self._encoder = onnxruntime.InferenceSession(encoder_onnx)
        self._decoder = onnxruntime.InferenceSession(decoder_onnx)

    def encode(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images float32 (1, 1, H, W) in [0, 1] → latents float32 (1, D)."""
        return np.asarray(self._encoder.run(None, {"frame": images})[0], np.float32)

    def decode(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Latents float32 (1, D) → images float32 (1, 1, H, W)."""
        return np.asarray(self._decoder.run(None, {"latent": latents})[0], np.float32)


class DefaultOpenVinoSession:
    """Two compiled models without settings: on a processor with bfloat16, OpenVINO computes float32 graphs in it."""

    backend = "openvino defaults"

    def __init__(self, encoder_onnx: bytes, decoder_onnx: bytes) -> None:
        import openvino

        core = openvino.Core()
        self._encoder = core.compile_model(core.read_model(encoder_onnx), "CPU")
        self._decoder = core.compile_model(core.read_model(decoder_onnx), "CPU")

    def encode(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images float32 (1, 1, H, W) in [0, 1] → latents float32 (1, D)."""
        return np.asarray(self._encoder([images])[0], np.float32)

    def decode(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Latents float32 (1, D) → images float32 (1, 1, H, W)."""
        return np.asarray(self._decoder([latents])[0], np.float32)


def openvino_default_precision() -> str:
    """What OpenVINO computes a float32 graph in on this processor when nobody asks: ``bf16``, ``fp16`` or ``fp32``.

    ``fp32`` also where OpenVINO is not installed, so that the peer can be named before its load fails.
    """
    try:
        import openvino
    except ImportError:
        return "fp32"
    hint = openvino.Core().get_property("CPU", "INFERENCE_PRECISION_HINT").get_type_name()
    return {"bf16": "bf16", "f16": "fp16"}.get(hint, "fp32")
