"""TensorRT plans: built on the cart from a bundle's ONNX graphs, each with a sidecar that says where it may run."""
