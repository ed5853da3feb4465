"""TensorFlow's `contrib`, as far as the eager guide uses it: nothing but other names."""
from . import checkpoint, eager, summary

__all__ = ["checkpoint", "eager", "summary"]
