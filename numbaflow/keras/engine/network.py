"""Network: a layer made of layers, by its `call` or by the symbolic tensors that it leads from and to."""
from contextlib import contextmanager

from numbaflow.core.shape import TensorShape
from numbaflow.core.tensor import Tensor

from . import configuration, symbolic_calls
from .base_layer import Layer
from .calls import running, signature_of
from .graph import Graph
from .input_layer import InputLayer
from .symbolic import SymbolicTensor, symbolic_leaves


@contextmanager
def training_as(training):
    """A context in which layers that are not told otherwise are called with this `training`."""
    kept, running.training = running.training, training
    try:
        yield
    finally:
        running.training = kept


def default_build(build):
    """Mark a `build` that calling the network does not need."""
    build.is_default = True
    return build


class Network(Layer):
    """The part of a Model that is a layer; see there."""

    _inner_first = True
    _forgotten = ("It looks like you are subclassing `Model` and you forgot to call `super({0}, "
                  "self).__init__()`. Always start with this line.")

    def __init__(self, *args, **kwargs):
        inputs, outputs, rest = _split(args, kwargs)
        super().__init__(**rest)
        self.__dict__["_graph"] = None
        if outputs is not None:
            self._connect(inputs, outputs)

    def _connect(self, inputs, outputs):
        """Become the network that leads from symbolic inputs to outputs."""
        given = symbolic_leaves(inputs)
        for what, structure in (("inputs", inputs), ("outputs", outputs)):
            _check_symbolic(self.name, what, structure)
        self.__dict__["_graph"] = Graph(given, outputs, self.name)
        self.built = True
        for k, layer in enumerate(self._graph.layers):
            self._track(layer, f"layer-{k}")

    # ---- running
    def call(self, inputs, training=None, mask=None):
        """The outputs for some inputs; a subclass of Model gives its own.

        Args:
            inputs: a tensor, or the list of them that the model has as inputs, or a dict by their names.
            training: handed to the layers that take it.
            mask: the mask of the inputs, or a list of theirs.
        """
        if self._graph is None:
            raise NotImplementedError("When subclassing the `Model` class, you should implement a `call` "
                                      "method.")
        given = self._in_order(inputs)
        if mask is not None:
            _attach_masks(given, mask)
        if training is None or training is running.training:
            return self._graph.run(given)
        with training_as(training):
            return self._graph.run(given)

    def _in_order(self, inputs):
        """The list of inputs in the graph's order."""
        if isinstance(inputs, dict):
            missing = [name for name in self.input_names if name not in inputs]
            if missing:
                raise ValueError(f"Model {self.name}: no value for inputs {', '.join(missing)}; got "
                                 f"{', '.join(inputs)}")
            return [inputs[name] for name in self.input_names]
        given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if len(given) != len(self._graph.inputs):
            raise ValueError(f"Model {self.name} has {len(self._graph.inputs)} inputs "
                             f"({', '.join(self.input_names)}), got {len(given)}")
        return given

    def compute_mask(self, inputs, mask=None):
        """None: the layers within say the masks of what they give."""
        return None

    def compute_output_shape(self, input_shape):
        """The shape of the outputs, or a list of them, for a shape of inputs."""
        if self._graph is None:
            return super().compute_output_shape(input_shape)
        shapes = [input_shape] if symbolic_calls.is_shape(input_shape) else input_shape
        stand_ins = [SymbolicTensor(shape, t.dtype, t.name)
                     for shape, t in zip(shapes, self._graph.inputs, strict=True)]
        found = [TensorShape(t.shape) for t in symbolic_leaves(self._graph.run(stand_ins))]
        return found if isinstance(self._graph.outputs, (list, tuple, dict)) else found[0]

    def _says_shape(self):
        return self._graph is not None or type(self).compute_output_shape is not Network.compute_output_shape

    # ---- building
    @default_build
    def build(self, input_shape):
        """Make the variables by a run on zeros.

        Args:
            input_shape: a shape with the batch, or a list of them for a list of inputs.

        Raises:
            ValueError: no shape, or layers that can't run on floats of that shape.
        """
        if self._graph is not None or self.__dict__.get("_building"):
            self.built = True
            return
        self._check_build(input_shape)
        try:
            self.built = True           # what a subclass's build makes is made; its layers build themselves
            with self.build_scope():
                symbolic_calls.probed_shape(self, input_shape)
        except Exception as error:
            self.built = False
            if not isinstance(error, TypeError):
                raise
            raise ValueError("You cannot build your model by calling `build` if your layers do not support "
                             "float type inputs. Instead, in order to instantiate and build your model, "
                             "`call` your model on real tensor data (of the correct dtype). The error was: "
                             f"{error}") from error

    def _check_build(self, input_shape):
        if input_shape is None:
            raise ValueError("Input shape must be defined when calling build on a model subclass network.")
        if not isinstance(input_shape, (tuple, list)):
            raise ValueError("Specified input shape is not one of the valid types. Please specify a batch "
                             "input shape of type tuple or list of input shapes. User provided input type: "
                             f"{type(input_shape).__name__}")
        if signature_of(type(self)).required:
            raise ValueError("Currently, you cannot build your model if it has positional or keyword "
                             "arguments that are not inputs to the model, but are required for its `call` "
                             "method. Instead, in order to instantiate and build your model, `call` your "
                             "model on real tensor data with all expected call arguments.")

    def _build_for(self, shapes, inputs=None):
        if getattr(type(self).build, "is_default", False):
            self.built = True           # layers within build themselves as they are called
        else:
            self.__dict__["_building"] = True
            try:
                super()._build_for(shapes, inputs)
            finally:
                self.__dict__["_building"] = False

    # ---- its parts
    @property
    def layers(self):
        """The layers, each once: in the order of attributes, or from inputs to outputs."""
        return self._own_parts().layers

    def get_layer(self, name=None, index=None):
        """The layer of a name or a number.

        Raises:
            ValueError: there is none.
        """
        layers = self.layers
        if index is not None:
            if len(layers) <= index:
                raise ValueError(f"Was asked to retrieve layer at index {index} but model only has "
                                 f"{len(layers)} layers.")
            return layers[index]
        if not name:
            raise ValueError("Provide either a layer name or layer index.")
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Layers of {self.name}: "
                         f"{', '.join(one.name for one in layers)}")

    def _check_weights_exist(self):
        if not self.built and "build" in type(self).__dict__:
            raise ValueError(f"Weights for model {self.name} have not yet been created. Weights are created "
                             "when the Model is first called on inputs or `build()` is called with an "
                             "`input_shape`.")

    @property
    def weights(self):
        """All variables: layer by layer, then the model's own.

        Raises:
            ValueError: a Sequential, or a class with its own `build`, that is not built.
        """
        self._check_weights_exist()
        return super().weights

    @property
    def trainable_weights(self):
        """The variables that are trained."""
        self._check_weights_exist()
        return super().trainable_weights

    @property
    def non_trainable_weights(self):
        """The other variables."""
        self._check_weights_exist()
        return super().non_trainable_weights

    # ---- where it begins and ends
    @property
    def inputs(self):
        """The symbolic inputs, a list; None for a model that has none."""
        return None if self._graph is None else list(self._graph.inputs)

    @property
    def outputs(self):
        """The symbolic outputs, a list; None for a model that has none."""
        return None if self._graph is None else list(self._graph.flat_outputs)

    @property
    def input_names(self):
        """The names of the inputs' layers; [] where there are no symbolic inputs."""
        return [t._node.layer.name for t in self.inputs or ()]

    @property
    def output_names(self):
        """The names of the layers that give the outputs."""
        return [t._node.layer.name for t in self.outputs or ()]

    def _ends(self, which, of_layer):
        found = getattr(self, which)
        if found is None:
            return of_layer.fget(self)
        return found[0] if len(found) == 1 else found

    input = property(lambda self: self._ends("inputs", Layer.input),
                     doc="The symbolic input, or a list of them.")
    output = property(lambda self: self._ends("outputs", Layer.output),
                      doc="The symbolic output, or a list of them.")

    @property
    def input_shape(self):
        """The shape of the input, or a list of shapes."""
        return _shapes(self.inputs) if self.inputs is not None else super().input_shape

    @property
    def output_shape(self):
        """The shape of the output, or a list of shapes."""
        return _shapes(self.outputs) if self.outputs is not None else super().output_shape

    # ---- configuration
    def get_config(self):
        """What makes such a model, without its weights; for functional and sequential models.

        Raises:
            NotImplementedError: a subclass with a `call` of its own.
        """
        if self._graph is None:
            raise NotImplementedError(f"{type(self).__name__}: only functional and sequential models have a "
                                      "configuration; a subclass of Model is made by its own code")
        return configuration.of_graph(self)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A new model, with new weights, of what `get_config` gave."""
        return configuration.to_model(cls, config, custom_objects)

    def to_json(self, **kwargs):
        """The configuration as JSON, for `keras.models.model_from_json`."""
        return configuration.to_json(self, **kwargs)

    def __getstate__(self):
        return super().__getstate__()


def _split(args, kwargs):
    """(inputs, outputs, other arguments) of a model's constructor."""
    kwargs = dict(kwargs)
    args = list(args)
    if len(args) == 1 and isinstance(args[0], str):
        kwargs["name"] = args.pop(0)
    if len(args) > 3:
        raise TypeError(f"Model: expected inputs, outputs and a name, got {len(args)} arguments")
    for key, value in zip(("inputs", "outputs", "name"), args, strict=False):
        kwargs[key] = value
    inputs, outputs = kwargs.pop("inputs", None), kwargs.pop("outputs", None)
    if (inputs is None) != (outputs is None):
        raise ValueError("Model: give both `inputs` and `outputs`, or neither in a subclass with its own "
                         "`call`")
    return inputs, outputs, kwargs


def _check_symbolic(name, what, structure):
    flat = list(structure.values()) if isinstance(structure, dict) else \
        structure if isinstance(structure, (list, tuple)) else [structure]
    for value in flat:
        if not isinstance(value, SymbolicTensor) and not (isinstance(value, (list, tuple, dict)) and value):
            raise ValueError(f"Model {name}: {what} must be keras.Input tensors or made from them by layers, "
                             f"got {type(value).__name__}: {str(value)[:80]}")
    if what == "inputs" and len({(id(t._node), t._index) for t in symbolic_leaves(structure)}) != len(flat):
        raise ValueError(f"The list of inputs passed to the model {name} is redundant. All inputs should "
                         "only appear once.")


def _attach_masks(tensors, masks):
    for tensor, mask in zip(tensors, masks if isinstance(masks, (list, tuple)) else [masks], strict=True):
        if mask is not None and isinstance(tensor, Tensor):
            tensor._keras_mask = mask


def _shapes(tensors):
    shapes = [tuple(t.shape) for t in tensors]
    return shapes[0] if len(shapes) == 1 else shapes


__all__ = ["InputLayer", "Network", "default_build", "training_as"]
