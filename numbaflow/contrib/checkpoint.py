"""`tf.contrib.checkpoint`: containers that checkpoints look into, under the names of TensorFlow."""
from ..core.containers import DictWrapper as Dict, ListWrapper as List
from ..core.trackable import NoDependency, Trackable as Checkpointable

Mapping = Dict

__all__ = ["Checkpointable", "Dict", "List", "Mapping", "NoDependency"]
