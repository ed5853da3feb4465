"""Layer: variables and a computation with them, built on the first call, when the inputs' shapes are known.

A call of a built layer takes a short way (`_quick`) where nothing but `call` has to happen.  Everything else
goes through `_general`.
"""
from numbaflow.core import dtypes, scopes
from numbaflow.core.errors import OpError
from numbaflow.core.placement import DeviceTensor
from numbaflow.core.shape import TensorShape
from numbaflow.core.tensor import Tensor
from numbaflow.core.trackable import AutoTrackable, NoDependency, Trackable

from .. import backend, regularizers
from . import gathering, symbolic_calls
from .calls import converted, map_tensors, mask_of, running, signature_of
from .connections import Connections
from .input_spec import InputSpec, check_inputs
from .layer_weights import LayerWeights
from .symbolic import SymbolicTensor, symbolic_leaves
from .training_losses import LossesAndMetrics

__all__ = ["InputSpec", "Layer"]

# Ways that a call may take: through everything; straight to `call`, without or with `training`; to a `call`
# that calls other layers
_GENERAL, _PLAIN, _WITH_TRAINING, _OUTER = 0, 1, 2, 3
_MANY = 64                                      # input shapes that a layer remembers as checked
_ARGUMENTS = ("input_shape", "input_dim", "batch_input_shape", "batch_size", "weights",
              "activity_regularizer")


class Layer(LayerWeights, LossesAndMetrics, Connections, AutoTrackable):
    """The base of layers: give `call`, and `build` where variables depend on the inputs' shapes.

    Variables made with `add_weight`, and variables and layers set as attributes or put into lists and dicts
    that are attributes, belong to the layer: they are in its `variables` and its checkpoints.

    Args:
        trainable: whether its variables are among `trainable_variables`.
        name: its name; by default that of the class with a number.
        dtype: the dtype of its weights; by default that of the first float tensor it is called with.  Arrays
            of float64 become tensors of this dtype, or float32.
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
    >>> layer = Scaled(name="scaled")
    >>> layer(nf.constant([[1.0, 2.0]])).numpy().tolist(), [v.name for v in layer.variables]
    ([[1.0, 2.0]], ['scaled/scale:0'])
    """

    _inner_first = False            # whether variables of layers within come before the layer's own
    _quick = _GENERAL
    _forgotten = "It looks like `super().__init__()` was not called in `__init__` of the layer {}."
    supports_masking = False
    stateful = False

    def __init__(self, trainable=True, name=None, dtype=None, dynamic=False, **kwargs):
        unknown = [key for key in kwargs if key not in _ARGUMENTS]
        if unknown:
            raise TypeError(f"{type(self).__name__}: Keyword argument not understood: {', '.join(unknown)}")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: the name must be a string, got {name!r}")
        self.__dict__.update(                   # not set one by one: none of it is to be tracked
            _name=name or backend.unique_name(backend.snake_case(type(self).__name__)),
            _dtype=None if dtype is None else dtypes.as_dtype(dtype).name, _dynamic=bool(dynamic),
            _trainable=bool(trainable), _built=False, _added_weights=[], _nodes=[], _penalties=[],
            _eager_losses=[], _eager_metrics={}, _input_spec=None, _fits=None,
            _initial_weights=kwargs.get("weights"),
            _activity_regularizer=regularizers.get(kwargs.get("activity_regularizer")))
        shape = _first_shape(kwargs)
        if shape is not None:
            self.__dict__["_batch_input_shape"] = shape

    # ---- what it is
    name = property(lambda self: self._name, doc="The name.")
    dtype = property(lambda self: self._dtype, doc="The name of the weights' dtype; None until it is known.")
    dynamic = property(lambda self: self._dynamic, doc="What the constructor was told.")
    activity_regularizer = property(lambda self: self._activity_regularizer, doc="The outputs' penalty.")

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
        self.__dict__.update(_input_spec=value, _fits=None if value is None else set(), _quick=_GENERAL)

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
            TypeError: there is a mask and the layer does not support one.
        """
        if self.supports_masking:
            return mask
        if any(m is not None for m in (mask if isinstance(mask, list) else [mask])):
            raise TypeError(f"Layer {self.name} does not support masking, but was passed an input_mask: "
                            f"{mask}")
        return None

    # ---- calling
    def __call__(self, inputs, *args, **kwargs):
        """The outputs for tensors or arrays; builds the layer first if need be.

        `training` may be given to any layer: those within that take it get it, unless told otherwise.
        """
        try:
            quick = self._quick
            if quick and (type(inputs) is Tensor or type(inputs) is DeviceTensor) and not args:
                fits = self._fits
                if ((fits is None or inputs._data.shape in fits)
                        and getattr(inputs, "_keras_mask", None) is None):
                    if quick == _OUTER:
                        if not kwargs or (len(kwargs) == 1 and "training" in kwargs):
                            return self._call_layers(inputs, kwargs.get("training"))
                    elif not kwargs and not self._eager_losses:
                        training = running.training if quick == _WITH_TRAINING else None
                        return self.call(inputs) if training is None else self.call(inputs, training=training)
            return self._general(inputs, args, kwargs)
        except OpError as error:
            self._name_in(error)
            raise

    def _name_in(self, error):
        """Put the name of the innermost layer before what an error says."""
        if not hasattr(error, "layer"):
            error.layer = self.__dict__.get("_name")
            error.message = f"layer {error.layer}: {error}"
            error.args = (error.message, *error.args[1:])

    def _call_layers(self, inputs, training):
        """What `_general` comes to for a model or the like that is built and has nothing to do with masks."""
        depth, outer = running.depth, running.training
        if not depth:
            self._forget_losses()
        running.depth = depth + 1
        if training is None:
            training = outer
        else:
            running.training = training
        try:
            if training is None or signature_of(type(self)).training < 0:
                return self.call(inputs)
            return self.call(inputs, training=training)
        finally:
            running.depth, running.training = depth, outer

    def _general(self, inputs, args, kwargs):
        if "_name" not in self.__dict__:
            raise RuntimeError(self._forgotten.format(type(self).__name__))
        if type(inputs) is not Tensor or args or kwargs:
            inputs = self._converted(inputs)
            if type(inputs) is SymbolicTensor or symbolic_leaves((inputs, args, list(kwargs.values()))):
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

    def _converted(self, inputs):
        try:
            return converted(inputs, self._dtype)
        except (TypeError, ValueError) as error:
            raise type(error)(f"layer {self._name}: {error}") from None

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
            self._build_for(map_tensors(_shape_of, inputs), inputs)
            return self.call(inputs, *args, **kwargs)

    def _finish_call(self, inputs, outputs, kwargs):
        """What comes after `call`: the outputs' penalty and mask, and which way the next call may take."""
        if self._activity_regularizer is not None:
            self._penalize(outputs)
        mask = kwargs.get("mask")
        mask = mask_of(inputs) if mask is None else mask
        masks = self.compute_mask(inputs, mask)
        if masks is not None:
            _set_masks(outputs, masks)
        if type(inputs) in (Tensor, DeviceTensor) and mask is None:
            if self._fits is not None:
                if len(self._fits) >= _MANY:
                    self._fits.clear()
                self._fits.add(inputs._data.shape)
            if not self._quick and masks is None and self._built and self._activity_regularizer is None:
                self.__dict__["_quick"] = self._way()

    def _way(self):
        """The way that calls may take from now on, where there is nothing to be done with outputs."""
        parts, takes = self._own_parts(), signature_of(type(self))
        if parts.layers or parts.open:
            return _GENERAL if takes.others else _OUTER
        return _WITH_TRAINING if takes.training >= 0 else _PLAIN

    # ---- building
    def build_scope(self):
        """The name scope that the layer's variables are made in."""
        return scopes.name_scope(self._name)

    def _build_for(self, shapes, inputs=None):
        """Build for shapes; the first float input says the dtype where that is open."""
        if self._dtype is None:
            dtype = next((t.dtype for t in _leaves(inputs) if isinstance(t, (Tensor, SymbolicTensor))), None)
            if dtype is not None and dtype.dtype.kind in "fc":
                self.__dict__["_dtype"] = dtype.name
        self.build(shapes)
        self.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self.__dict__["_initial_weights"] = None

    # ---- its parts
    def __setattr__(self, name, value):
        plain = not isinstance(value, (Trackable, NoDependency, list, dict, tuple))
        if plain and name not in self.__dict__.get("_tracked", ()):
            object.__setattr__(self, name, value)
            return
        if isinstance(value, Trackable) and "_name" not in self.__dict__:
            raise RuntimeError(self._forgotten.format(type(self).__name__))
        super().__setattr__(name, value)
        self.__dict__["_quick"] = _GENERAL
        gathering.changed()

    def __delattr__(self, name):
        gone = self.__dict__.get(name)
        super().__delattr__(name)
        self.__dict__["_added_weights"] = [v for v in self._added_weights if v is not gone]
        gathering.changed()

    def _own_parts(self):
        """The layers and variables that are the layer's own, not those of layers within."""
        return gathering.parts_of(self)

    # ---- configuration
    def get_config(self):
        """The arguments that make such a layer; a subclass with more of them extends it.

        Raises:
            NotImplementedError: a class of layers with arguments that does not say them.
        """
        if type(self).get_config is Layer.get_config and _own_arguments(type(self)):
            raise NotImplementedError("Layers with arguments in `__init__` must override `get_config`: "
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
        # weak references are not copied, nor what is quickly made again
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


def _shape_of(tensor):
    shape = getattr(tensor, "shape", None)
    return None if shape is None else TensorShape(shape)


def _leaves(inputs):
    if isinstance(inputs, dict):
        inputs = list(inputs.values())
    if isinstance(inputs, (list, tuple)):
        return [leaf for part in inputs for leaf in _leaves(part)]
    return [inputs]


def _set_masks(outputs, masks):
    """Give outputs their masks, unless a layer within has done so."""
    if isinstance(outputs, (list, tuple)):
        each = masks if isinstance(masks, (list, tuple)) else [masks]
        for output, mask in zip(outputs, each, strict=False):
            _set_masks(output, mask)
    elif isinstance(outputs, Tensor) and getattr(outputs, "_keras_mask", None) is None:
        mask = masks[0] if isinstance(masks, (list, tuple)) else masks
        if mask is not None:
            outputs._keras_mask = mask
