"""Layers."""
from ..engine.base_layer import InputSpec, Layer
from ..engine.input_layer import Input, InputLayer
from ..engine.model import Model
from ..engine.op_layer import OpLayer
from ..engine.sequential import Sequential
from ..registry import Registry
from .attention import MultiHeadAttention
from .dense import Activation, Dense, Lambda
from .noise import (
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from .rectifiers import ELU, LeakyReLU, PReLU, ReLU, Softmax, ThresholdedReLU
from .recurrent import GRU, LSTM, RNN, SimpleRNN
from .recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
from .shaping import Flatten, Permute, RepeatVector, Reshape
from .wrappers import Bidirectional, TimeDistributed

_CLASSES = {name: value for name, value in list(globals().items())
            if isinstance(value, type) and issubclass(value, Layer)}
_REGISTRY = Registry("layer", _CLASSES, Layer)
serialize, deserialize = _REGISTRY.serialize, _REGISTRY.deserialize
__all__ = ["Input", "InputSpec", "deserialize", "serialize",
           *sorted(name for name in _CLASSES if name not in ("Model", "OpLayer", "Sequential"))]
