"""What programs with keras use beside it: files fetched once, one-hot labels, sequences of batches."""
from .encoding import normalize, to_categorical
from .fetching import get_file
from .sequence import Sequence

__all__ = ["Sequence", "get_file", "normalize", "to_categorical"]
