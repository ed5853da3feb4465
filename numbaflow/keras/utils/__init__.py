"""What programs with keras use beside it: files fetched once, one-hot labels, sequences of batches."""
from ..registry import custom_object_scope
from .encoding import normalize, to_categorical
from .fetching import get_file
from .sequence import Sequence

CustomObjectScope = custom_object_scope

__all__ = ["CustomObjectScope", "Sequence", "custom_object_scope", "get_file", "normalize", "to_categorical"]
