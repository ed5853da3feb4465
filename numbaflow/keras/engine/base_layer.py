"""Layer: variables and a computation with them, built on the first call, when the inputs' shapes are known.

A call of a built layer takes a short way (`_quick`) where nothing but `call` has to happen: that costs under
a microsecond.  Everything else goes through `_general`.
"""
import functools

from numbaflow.core import dtypes, scopes
from numbaflow.core.shape import TensorShape
from numbaflow.core.tensor import Tensor, as_tensor
from numbaflow.core.trackable import AutoTrackable, NoDependency, Trackable
from numbaflow.core.variable import Variable

from .. import backend, constraints, initializers, regularizers
from . import gathering, symbolic_calls
from .calls import converted, map_tensors, mask_of, running, signature_of
from .input_spec import InputSpec, check_inputs
from .symbolic import symbolic_leaves
from .training_losses import LossesAndMetrics

__all__ = ["InputSpec", "Layer"]

_NO_QUICK, _PLAIN, _WITH_TRAINING = 0, 1, 2
_MANY = 64                          # input shapes that a layer remembers as checked
_ARGUMENTS = (
    "input_shape",
    "input_dim",
    "batch_input_shape",
    "batch_size",
    "weights",
     "activity_regularizer")


def shape_of(tensor):
    """The shape of anything that has one, else None."""
    shape = getattr(tensor, "shape", None)
    return None if shape is None else TensorShape(shape)


class Layer(LossesAndMetrics, AutoTrackable):
    """The base of layers: give `call`, and `build` where variables depend on the inputs' shapes.

    Variables made with `add_weight`, and variables and layers set as attributes or put into lists and dicts
    that are attributes, belong to the layer: they are in its `variables` and its checkpoints.

    Args:
        trainable: whether its variables are among `trainable_variables`.
        name: its name; by default that of the class with a number.
        dtype: the dtype of its weights; by default that of the first float input.
        dynamic: accepted and kept; every layer is run eagerly.
        kwargs: `input_shape` (without the batch), `input_dim`, `batch_input_shape` and `batch_size` say the
            shape of the inputs beforehand; `weights` are first values; `activity_regularizer` gives a penalty
            of the outputs.

    Raises:
        TypeError: another keyword argument.

    >>> import numbaflow as nf
    >>> class Scaled(nf.keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight("scale", [input_shape[-1]], initializer="ones")
    ...     def call(self, inputs):
    ...         return inputs * self.scale
    >>> layer = Scaled()
    >>> layer(nf.constant([[1.0, 2.0]])).numpy().tolist(), [v.name for v in layer.variables]
    ([[1.0, 2.0]], ['scaled/scale:0'])
    """

    _inner_first = False            # whether variables of layers within come before the layer's own
    _quick = _NO_QUICK
    _forgotten = "It looks like `super().__init__()` was not called in `__init__` of the layer {}."
    supports_masking = False
    stateful = False

    def __init__(self, trainable=True, name=None, dtype=None, dynamic=False, **kwargs):
        unknown = [key for key in kwargs if key not in _ARGUMENTS]
        if unknown:
            raise TypeError(f"{type(self).__name__}: Keyword argument not understood: {', '.join(unknown)}")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: the name must be a string, got {name!r}")
        self.__dict__.update(
            _name=name or backend.unique_name(backend.snake_case(type(self).__name__)), _trainable=bool(trainable),
            _dtype=None if dtype is None else dtypes.as_dtype(dtype).name, _dynamic=bool(dynamic), _built=False,
            _added_weights=[], _nodes=[], _penalties=[], _eager_losses=[], _eager_metrics={}, _input_spec=None,
            _fits=None, _initial_weights=kwargs.get("weights"),
            _activity_regularizer=regularizers.get(kwargs.get("activity_regularizer")))
        shape = _first_shape(kwargs)
        if shape is not None:
            self._batch_input_shape = shape

    # ---- what it is
    name = property(lambda self: self._name, doc="The name.")
    dtype = property(
    lambda self: self._dtype,
     doc="The name of the dtype of its weights; None until it is known.")
    dynamic = property(lambda self: self._dynamic, doc="What the constructor was told.")
    activity_regularizer = property(
    lambda self: self._activity_regularizer,
     doc="The penalty of the outputs.")

    @property
    def trainable(self):
        """Whether its variables, and those of the layers in it, are among `trainable_variables`."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self.__dict__["_trainable"] = bool(value)
        for layer in self._own_parts().layers:
            layer.trainable = value
        gathering.changed()

    @property
    def built(self):
        """Whether its variables exist."""
        return self._built

    @built.setter
    def built(self, value):
        self.__dict__["_built"] = bool(value)

    @property
    def input_spec(self):
        """The InputSpec, or list of them, that inputs are checked against."""
        return self._input_spec

    @input_spec.setter
    def input_spec(self, value):
        self.__dict__.update(_input_spec=value, _fits=None if value is None else set(), _quick=_NO_QUICK)

    # ---- for a subclass to give
    def build(self, input_shape):
        """Make the variables; called once, before the first `call`.

        Args:
            input_shape: the shape of the inputs, batch included; a list of them for a list of inputs.
        """
        self.built = True

    def call(self, inputs, **kwargs):
        """The outputs for some inputs; what calling the layer does when all is built."""
        return inputs

    def compute_output_shape(self, input_shape):
        """The shape of the outputs for a shape of inputs; None stands for any extent.

        Unless a subclass says it, the layer is run on zeros of such shapes.
        """
        return symbolic_calls.probed_shape(self, input_shape)

    def _says_shape(self):
        """Whether `compute_output_shape` is said rather than found by a run on zeros."""
        return type(self).compute_output_shape is not Layer.compute_output_shape

    def compute_mask(self, inputs, mask=None):
        """The mask of the outputs: that of the inputs if the layer `supports_masking`.

        Raises:
            TypeError: it has a mask and the layer does not support one.
        """
        if self.supports_masking:
            return mask
        if any(m is not None for m in (mask if isinstance(mask, list) else [mask])):
            raise TypeError(
                f"Layer {self.name} does not support masking, but was passed an input_mask: {mask}")
        return None

    # ---- calling
    def __call__(self, inputs, *args, **kwargs):
        """The outputs for tensors or arrays; builds the layer first if need be."""
        quick = self._quick
        if quick and type(inputs) is Tensor and not args and not kwargs and not self._eager_losses:
            fits = self._fits
            if (fits is None or inputs._data.shape in fits) and getattr(inputs, "_keras_mask", None) is None:
                if quick == _PLAIN:
                    return self.call(inputs)
                training = running.training
                return self.call(inputs) if training is None else self.call(inputs, training=training)
        return self._general(inputs, args, kwargs)

    def _general(self, inputs, args, kwargs):
        if "_name" not in self.__dict__:
            raise RuntimeError(self._forgotten.format(type(self).__name__))
        inputs = converted(inputs, self._dtype)
        if symbolic_leaves((inputs, args, list(kwargs.values()))):
            return symbolic_calls.call(self, inputs, args, kwargs)
        depth, outer = running.depth, running.training
        if not depth:
            self._forget_losses()
        training = kwargs.get("training")
        self._fill_arguments(inputs, args, kwargs)
        running.depth = depth + 1
        if training is not None:
            running.training = training
        try:
            outputs = self._call_in_scope(inputs, args, kwargs)
        finally:
            running.depth, running.training = depth, outer
        self._finish_call(inputs, outputs, kwargs)
        return outputs

    def _fill_arguments(self, inputs, args, kwargs):
        """Put `training` and `mask` among the arguments where `call` takes them and they are known.

        A `call` that does not take `training` is not given it: it is meant for the layers within.
        """
        takes = signature_of(type(self))
        if takes.training < 0 and not takes.others:
            kwargs.pop("training", None)
        elif takes.training >= len(args) and kwargs.get("training") is None:
            kwargs.pop("training", None)
            if running.training is not None:
                kwargs["training"] = running.training
        if takes.mask >= len(args) and "mask" not in kwargs:
            mask = mask_of(inputs)
            if mask is not None:
                kwargs["mask"] = mask

    def _call_in_scope(self, inputs, args, kwargs):
        if self._input_spec is not None:
            check_inputs(self._input_spec, inputs, self._name)
        if self._built:
            return self.call(inputs, *args, **kwargs)
        with self.build_scope():            # which also names what `call` makes the first time
            self._build_for(map_tensors(shape_of, inputs), inputs)
            return self.call(inputs, *args, **kwargs)

    def _finish_call(self, inputs, outputs, kwargs):
        """What happens to outputs: their penalty, their mask; and whether the next call may take the short way."""
        if self._activity_regularizer is not None:
            self._penalize(outputs)
        mask = kwargs.get("mask")
        mask = mask_of(inputs) if mask is None else mask
        masks = self.compute_mask(inputs, mask)
        if masks is not None:
            _set_masks(outputs, masks)
        if type(inputs) is Tensor and mask is None:
            fits = self._fits
            if fits is not None and len(fits) < _MANY:
                fits.add(inputs._data.shape)
            if not self._quick and masks is None and self._activity_regularizer is None and self._is_simple():
                takes = signature_of(type(self))
                self.__dict__["_quick"] = _WITH_TRAINING if takes.training >= 0 else _PLAIN

    def _is_simple(self):
        parts = self._own_parts()
        return self._built and not parts.layers and not parts.open

    # ---- building
    def build_scope(self):
        """The name scope that the layer's variables are made in."""
        return scopes.name_scope(self._name)

    def _build_for(self, shapes, inputs=None):
        """Build for shapes; the first float input says the dtype where that is open."""
        if self._dtype is None:
            found = next((t for t in _leaves(inputs) if isinstance(
                getattr(t, "dtype", None), dtypes.DType)), None)
            if found is not None and found.dtype.dtype.kind in "fc":
                self.__dict__["_dtype"] = found.dtype.name
        self.build(shapes)
        self.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self.__dict__["_initial_weights"] = None

    def add_weight(self, name=None, shape=None, dtype=None, initializer=None, regularizer=None, trainable=None,
                   constraint=None, partitioner=None, use_resource=None, synchronization=None, aggregation=None,
                   **kwargs):
        """Make a variable of the layer.

        Args:
            name: its name, put after the layer's.
            shape: its shape; a scalar by default.
            dtype: its dtype; by default that of the layer, or float32.
            initializer: its first value, as `keras.initializers.get` takes it; by default glorot_uniform for
                floats and zeros for integers and bools.
            regularizer: a penalty of its value, which is added to `losses`.
            trainable: whether it is trained; True by default.
            constraint: a function of the value which optimizers apply after an update.

        Raises:
            ValueError: no initializer for a dtype that has no default, or an extent that is not known.
            TypeError: another keyword argument.
        """
        for key in kwargs:
            if key not in ("getter", "collections"):
                raise TypeError(f"Unknown keyword argument: {key}")
        dtype = dtypes.as_dtype(dtype or self._dtype or backend.floatx())
        shape = self._weight_shape(name, shape)
        initializer = initializers.get(initializer) or self._default_initializer(name, dtype)
        with scopes.name_scope(self._weight_scope()):
            made = Variable(lambda: initializer(shape, dtype=dtype), trainable=trainable is not False, name=name,
                            dtype=dtype, constraint=constraints.get(constraint))
        if made.shape != shape:
            raise ValueError(
                f"Layer {self.name}: the initializer of {name!r} gave shape {made.shape} for {shape}")
        self._added_weights.append(made)
        self._track(made, name or f"variable_{len(self._added_weights)}")
        gathering.changed()
        if regularizer is not None:
            self._penalties.append(functools.partial(_penalty, regularizers.get(regularizer), made))
        return made

    add_variable = add_weight

    def _weight_shape(self, name, shape):
        shape = () if shape is None else shape
        if isinstance(shape, int):
            shape = (shape,)
        if any(n is None for n in shape):
            raise ValueError(f"Layer {self.name}: the shape {tuple(shape)} of {name!r} is not fully known")
        return tuple(int(n) for n in shape)

    def _default_initializer(self, name, dtype):
        if dtype.is_floating:
            return initializers.glorot_uniform()
        if dtype.is_integer or dtype.is_bool:
            return initializers.zeros()
        raise ValueError(f"An initializer for variable {name} of {dtype!r} is required for layer {self.name}")

    def _weight_scope(self):
        """The scope of a variable: this one if it is the layer's own, else one below with the layer's name."""
        current = scopes.current()
        return current if f"/{current}".endswith(f"/{self._name}/") else f"{current}{self._name}/"

    # ---- its parts
    def __setattr__(self, name, value):
        if isinstance(value, (Trackable, NoDependency, list, dict, tuple)
                      ) or name in self.__dict__.get("_tracked", ()):
            self._refuse_before_init(value)
            super().__setattr__(name, value)
            self.__dict__["_quick"] = _NO_QUICK
            gathering.changed()
        else:
            object.__setattr__(self, name, value)

    def _refuse_before_init(self, value):
        if isinstance(value, Trackable) and "_name" not in self.__dict__:
            raise RuntimeError(self._forgotten.format(type(self).__name__))

    def __delattr__(self, name):
        gone = self.__dict__.get(name)
        super().__delattr__(name)
        self.__dict__["_added_weights"] = [v for v in self._added_weights if v is not gone]
        gathering.changed()

    def _own_parts(self):
        """The layers and variables that are the layer's own, not those of layers within."""
        return gathering.parts_of(self)

    @property
    def trainable_weights(self):
        """The variables that are trained."""
        return list(gathering.weights_of(self).trainable)

    @property
    def non_trainable_weights(self):
        """The other variables; all of them if the layer is not trainable."""
        return list(gathering.weights_of(self).non_trainable)

    @property
    def weights(self):
        """All variables."""
        return list(gathering.weights_of(self).weights)

    trainable_variables = property(lambda self: self.trainable_weights, doc="The variables that are trained.")
    non_trainable_variables = property(lambda self: self.non_trainable_weights, doc="The other variables.")
    variables = property(lambda self: self.weights, doc="All variables.")

    def get_weights(self):
        """The values of `weights`, a list of arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights):
        """Set the values of `weights`.

        Raises:
            ValueError: another number of arrays, or other shapes; nothing has changed then.
        """
        variables, weights = self.weights, list(weights)
        if len(weights) != len(variables):
            raise ValueError(f"You called `set_weights(weights)` on layer \"{self.name}\" with a  weight list of "
                             f"length {len(weights)}, but the layer was expecting {len(variables)} weights. "
                             f"Provided weights: {str(weights)[:50]}...")
        for variable, value in zip(variables, weights, strict=True):
            shape = tuple(
    getattr(
        value,
        "shape",
        None) if hasattr(
            value,
             "shape") else as_tensor(value).shape)
            if shape != variable.shape:
                raise ValueError(f"Layer weight shape {tuple(variable.shape)} not compatible with provided weight "
                                 f"shape {shape}: {variable.name} of layer {self.name}")
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(as_tensor(value, variable.dtype))

    def count_params(self):
        """The number of elements of all variables; ValueError while the layer is not built."""
        if not self.built:
            raise ValueError(f"You tried to call `count_params` on {self.name}, but the layer isn't built. You can "
                             f"build it manually via: `{self.name}.build(batch_input_shape)`.")
        return sum(v.shape.num_elements() for v in self.weights)

    # ---- in a functional model
    def _only_node(self, what):
        nodes = [node for node in (ref() for ref in self._nodes) if node is not None]
        if not nodes:
            raise AttributeError(f"The layer {self.name} has never been called on a keras.Input or a tensor made from "
                                 f"one, and thus has no defined {what}.")
        return nodes

    def _one(self, what, values):
        if any(v != values[0] for v in values):
            raise AttributeError(f"The layer {self.name} has multiple inbound nodes with different {what}s; use "
                                 f"get_{what}_at(node_index).")
        return values[0]

    def get_input_at(self, node_index):
        """The symbolic inputs of the layer's call of that number."""
        return _single(self._node_at(node_index, "input").inputs)

    def get_output_at(self, node_index):
        """The symbolic outputs of the layer's call of that number."""
        return self._node_at(node_index, "output").outputs()

    def _node_at(self, index, what):
        nodes = self._only_node(what)
        if not -len(nodes) <= index < len(nodes):
            raise ValueError(f"Asked to get {what} at node {index}, but the layer {self.name} has only {len(nodes)} "
                             "inbound nodes.")
        return nodes[index]

    input = property(
    lambda self: _single(
        self._single_node("input").inputs),
         doc="The symbolic input of its one call.")
    output = property(lambda self: self._single_node("output").outputs(),
                      doc="The symbolic output of its one call.")

    def _single_node(self, what):
        nodes = self._only_node(what)
        if len(nodes) > 1:
            raise AttributeError(f"Layer {self.name} has multiple inbound nodes, hence the notion of \"layer {what}\" "
                                 f"is ill-defined. Use `get_{what}_at(node_index)` instead.")
        return nodes[0]

    @property
    def input_shape(self):
        """The shape of its inputs in the functional models it is part of."""
        return self._one("input_shape", [_single([tuple(t.shape) for t in n.inputs])
                                         for n in self._only_node("input shape")])

    @property
    def output_shape(self):
        """The shape of its outputs in the functional models it is part of."""
        return self._one("output_shape", [_single([tuple(s) for s in n.shapes])
                                          for n in self._only_node("output shape")])

    # ---- configuration
    def get_config(self):
        """The arguments that make such a layer; a subclass with more of them extends it.

        Raises:
            NotImplementedError: a class of layers with arguments that does not say them.
        """
        if type(self).get_config is Layer.get_config and _own_arguments(type(self)):
            raise NotImplementedError(f"Layers with arguments in `__init__` must override `get_config`: "
                                      f"{type(self).__name__} has {', '.join(_own_arguments(type(self)))}.")
        config = {"name": self.name, "trainable": self.trainable}
        if "_batch_input_shape" in self.__dict__:
            config["batch_input_shape"] = self._batch_input_shape
        return {**config, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config):
        """The layer with the arguments that `get_config` gave."""
        return cls(**config)

    def __getstate__(self):
        # its calls in functional models, which it refers to weakly, and what is
        # quickly made again stay behind
        gone = ("_nodes", "_kept_weights", "_quick")
        return {**{k: v for k, v in self.__dict__.items() if k not in gone}, "_nodes": []}

    def __setstate__(self, state):
        self.__dict__.update(state)


def _own_arguments(kind):
    code = kind.__init__.__code__
    names = code.co_varnames[1:code.co_argcount + code.co_kwonlyargcount]
    return [n for n in names if n not in ("trainable", "name", "dtype", "dynamic")]


def _first_shape(kwargs):
    """The shape of inputs, batch included, that a constructor was told, or None."""
    if kwargs.get("batch_input_shape") is not None:
        return tuple(kwargs["batch_input_shape"])
    shape = kwargs.get("input_shape")
    if shape is None and kwargs.get("input_dim") is not None:
        shape = (kwargs["input_dim"],)
    if shape is None:
        return None
    return (kwargs.get("batch_size"), *((shape,) if isinstance(shape, int) else shape))


def _penalty(regularizer, variable):
    return regularizer(variable)


def _single(values):
    values = list(values)
    return values[0] if len(values) == 1 else values


def _leaves(inputs):
    if isinstance(inputs, dict):
        inputs = list(inputs.values())
    if isinstance(inputs, (list, tuple)):
        return [leaf for part in inputs for leaf in _leaves(part)]
    return [inputs]


def _set_masks(outputs, masks):
    if isinstance(outputs, (list, tuple)):
        for output, mask in zip(outputs, masks if isinstance(
            masks, (list, tuple)) else [masks], strict=False):
            _set_masks(output, mask)
    elif masks is not None and isinstance(outputs, Tensor) and getattr(outputs, "_keras_mask", None) is None:
        outputs._keras_mask = masks[0] if isinstance(masks, (list, tuple)) else masks
