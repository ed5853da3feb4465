"""Sequential: a model that is a stack of layers."""
from numbaflow.core.tensor import Tensor

from . import configuration
from .base_layer import Layer
from .calls import running
from .input_layer import Input, InputLayer
from .model import Model
from .network import _attach_masks, default_build, training_as
from .symbolic import SymbolicTensor


class Sequential(Model):
    """A stack of layers, each with one input and one output.

    If the first layer says its `input_shape` the model is built at once, else when it is first called.

    Args:
        layers: a list of layers.
        name: its name.

    >>> import numbaflow as nf
    >>> layers = nf.keras.layers
    >>> model = nf.keras.Sequential([layers.Dense(8, activation="relu", input_shape=(4,)), layers.Dense(3)])
    >>> model.output_shape, model(nf.zeros((5, 4))).shape
    ((None, 3), (5, 3))
    """

    def __init__(self, layers=None, name=None):
        super().__init__(name=name)
        self.__dict__.update(_stack=[], _begin=None, _end=None)
        for layer in layers or ():
            self.add(layer)

    # ---- the stack
    def add(self, layer):
        """Put a layer on top.

        Raises:
            TypeError: something else.
            ValueError: a layer with several outputs, or one that does not take what the layers below give.
        """
        if not isinstance(layer, Layer):
            raise TypeError(f"The added layer must be an instance of class Layer. Found: {layer!r}")
        begin, end = self._begin, self._end
        if not self._stack:
            begin = _input_of(layer)
            end = begin if begin is None or isinstance(layer, InputLayer) else layer(begin)
        elif end is not None:
            end = layer(end)
        if end is not None and not isinstance(end, SymbolicTensor):
            raise ValueError("All layers in a Sequential model should have a single output tensor. For "
                             f"multi-output layers, use the functional API. Layer: {layer.name}")
        self._stack.append(layer)
        self._track(layer, f"layer-{len(self._stack) - 1}")
        self._changed(begin, end)

    def pop(self):
        """Take the top layer away; TypeError if there is none."""
        if not self._stack:
            raise TypeError("There are no layers in the model.")
        gone = self._stack.pop()
        self._untrack(f"layer-{len(self._stack)}")
        begin, end = self._begin, self._end
        if end is not None:
            end = end._node.inputs[0] if self._stack and not isinstance(gone, InputLayer) else None
        self._changed(begin if end is not None else None, end)

    def _changed(self, begin, end):
        self.__dict__.update(_begin=begin, _end=end, _built=end is not None)
        self.trainable = self._trainable

    @property
    def layers(self):
        """The layers from the first to the last, inputs left out."""
        return [layer for layer in self._stack if not isinstance(layer, InputLayer)]

    # ---- running
    def call(self, inputs, training=None, mask=None):
        """What the last layer gives.

        Args:
            inputs: a tensor.
            training: handed to the layers that take it.
            mask: the mask of the inputs.
        """
        if mask is not None and isinstance(inputs, Tensor):
            _attach_masks([inputs], mask)
        if training is None or training is running.training:
            for layer in self._stack:
                inputs = layer(inputs)
            return inputs
        with training_as(training):
            return self.call(inputs, training)

    def compute_output_shape(self, input_shape):
        """The shape of the outputs for a shape of inputs."""
        shape = input_shape
        for layer in self.layers:
            shape = layer.compute_output_shape(shape)
        return shape

    @default_build
    def build(self, input_shape=None):
        """Make the variables.

        Args:
            input_shape: the shape of the inputs, batch included.

        Raises:
            ValueError: no shape, where no layer says it.
        """
        if self._end is None:
            if input_shape is None:
                raise ValueError("You must provide an `input_shape` argument.")
            begin = end = Input(batch_shape=tuple(input_shape), name=f"{self.name}_input")
            for layer in self._stack:
                end = layer(end)
            self.__dict__.update(_begin=begin, _end=end)
        self.built = True

    def _build_for(self, shapes, inputs=None):
        if isinstance(inputs, SymbolicTensor) and not self._built:
            self.build(shapes)
        super()._build_for(shapes, inputs)

    # ---- where it begins and ends
    @property
    def inputs(self):
        """The symbolic input, in a list; None where the shape is not known."""
        return None if self._begin is None else [self._begin]

    @property
    def outputs(self):
        """The symbolic output, in a list; None where the shape is not known."""
        return None if self._end is None else [self._end]

    # ---- configuration
    def get_config(self):
        """What makes such a model, without its weights."""
        config = {"name": self.name, "layers": [configuration.of_layer(layer) for layer in self._stack]}
        if self._begin is not None:
            config["build_input_shape"] = tuple(self._begin.shape)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A new model, with new weights, of what `get_config` gave."""
        layers = [configuration.to_layer(one, custom_objects) for one in config["layers"]]
        model = cls(layers, name=config.get("name"))
        if not model.built and config.get("build_input_shape"):
            model.build(config["build_input_shape"])
        return model


def _input_of(layer):
    """The symbolic input for a first layer that says its shape, else None."""
    if isinstance(layer, InputLayer):
        return layer.symbolic()
    if getattr(layer, "inputs", None):              # a model
        first = layer.inputs[0]
        return Input(batch_shape=tuple(first.shape), dtype=first.dtype, name=f"{layer.name}_input")
    shape = getattr(layer, "_batch_input_shape", None)
    return None if shape is None else Input(batch_shape=shape, dtype=layer.dtype, name=f"{layer.name}_input")
