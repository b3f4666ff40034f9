"""From a trained run to a bundle: ONNX graphs at one precision, linted, built by TensorRT's parser, calibrated."""
