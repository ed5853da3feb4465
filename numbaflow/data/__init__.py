"""Input pipelines: `Dataset` and its iterators."""
from .dataset import Dataset, Options
from .iterator import Iterator

__all__ = ["Dataset", "Iterator", "Options"]
