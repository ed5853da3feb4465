"""Input pipelines: `Dataset` and its iterators."""
from . import experimental
from .dataset import Dataset, Options
from .iterator import Iterator
from .readers import FixedLengthRecordDataset, TextLineDataset, TFRecordDataset
from .strings import StringTensor

__all__ = ["Dataset", "FixedLengthRecordDataset", "Iterator", "Options", "StringTensor", "TFRecordDataset",
           "TextLineDataset", "experimental"]
