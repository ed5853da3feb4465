"""ONNX: inference functions and models as files that other runtimes read."""
from .export import convert, export

__all__ = ["convert", "export"]
