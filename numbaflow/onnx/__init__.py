"""ONNX: inference functions and models as files that other runtimes read."""
