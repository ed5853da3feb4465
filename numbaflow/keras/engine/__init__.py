"""The machinery of layers and models."""
from .base_layer import InputSpec, Layer
from .input_layer import Input, InputLayer
from .model import Model
from .network import Network
from .sequential import Sequential

__all__ = ["Input", "InputLayer", "InputSpec", "Layer", "Model", "Network", "Sequential"]
