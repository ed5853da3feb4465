"""Dense layers and what stands beside them: Activation and Lambda."""
import inspect

from numbaflow.core import dtypes
from numbaflow.core.tensor import Tensor, as_tensor
from numbaflow.ops.arithmetic import add
from numbaflow.ops.matmul import matmul
from numbaflow.ops.shape import reshape

from .. import activations, backend
from ..engine.base_layer import InputSpec, Layer
from .options import last_extent, options_of, take_weight_options, weight_options_config, whole_number


class Dense(Layer):
    """activation(inputs @ kernel + bias), over the last axis of the inputs.

    Args:
        units: the number of outputs.
        activation: a function or its name, none by default.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: the first values of the kernel [inputs, units] and the bias
        [units].
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties of kernel, bias and outputs.
        kernel_constraint, bias_constraint: what kernel and bias are held to.

    Raises:
        ValueError: inputs of fewer than two dimensions, or of another last extent than it was built for.
        TypeError: a dtype that is not of floats.

    >>> import numbaflow as nf
    >>> layer = nf.keras.layers.Dense(2, kernel_initializer="ones")
    >>> layer(nf.constant([[1.0, 2.0, 3.0]])).numpy().tolist()
    [[6.0, 6.0]]
    """

    supports_masking = True

    def __init__(self, units, activation=None, use_bias=True, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None,
                 activity_regularizer=None, kernel_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units, self.use_bias = whole_number(self, "units", units), use_bias
        self.activation = activations.get(activation)
        take_weight_options(self, {
            "kernel_initializer": kernel_initializer, "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer, "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint, "bias_constraint": bias_constraint})
        self.__dict__["_act"] = None if self.activation is activations.linear else self.activation
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape):
        """Make the kernel and the bias."""
        if dtypes.as_numpy(self.dtype or backend.floatx()).kind not in "fc":
            raise TypeError(f"Unable to build `Dense` layer {self.name} with non-floating point dtype "
                            f"{self.dtype}")
        inputs = last_extent(self, input_shape)
        self.kernel = self.add_weight("kernel", (inputs, self.units), **options_of(self, "kernel"))
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight("bias", (self.units,), **options_of(self, "bias"))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: inputs})
        self.built = True

    def call(self, inputs):
        """activation(inputs @ kernel + bias)."""
        x = inputs if type(inputs) is Tensor else as_tensor(inputs)
        shape = x._data.shape
        if len(shape) > 2:
            x = reshape(x, (x._data.size // max(shape[-1], 1), shape[-1]))
        y = matmul(x, self.kernel)
        bias, activation = self.bias, self._act
        if bias is not None:
            y = add(y, bias)
        if len(shape) > 2:
            y = reshape(y, (*shape[:-1], self.units))
        return y if activation is None else activation(y)

    def compute_output_shape(self, input_shape):
        """The shape with `units` for its last extent."""
        last_extent(self, input_shape)
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "units": self.units,
                "activation": activations.serialize(self.activation), "use_bias": self.use_bias,
                **weight_options_config(self)}


class Activation(Layer):
    """A function of its inputs, by name.

    >>> import numbaflow as nf
    >>> nf.keras.layers.Activation("relu")(nf.constant([-1.0, 2.0])).numpy().tolist()
    [0.0, 2.0]
    """

    supports_masking = True

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs):
        """activation(inputs)."""
        return self.activation(inputs)

    def compute_output_shape(self, input_shape):
        """The shape given."""
        return input_shape

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class Lambda(Layer):
    """Any function as a layer.

    Args:
        function: a function of the inputs, and of `mask` and `training` if it has such arguments.
        output_shape: the shape of what it gives, without the batch, or a function from the inputs' shape to
            the whole of it; found by a run on zeros by default.
        mask: the mask of what it gives, or a function (inputs, mask).
        arguments: more arguments by name.

    Variables in the function do not belong to the layer; make them in a layer of your own if they are
    trained.

    >>> import numbaflow as nf
    >>> nf.keras.layers.Lambda(lambda x, by: x * by, arguments={"by": 3.0})(nf.constant(2.0)).numpy()
    np.float32(6.0)
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"{self.name}: Lambda takes a function, got {type(function).__name__}")
        self.function, self.mask = function, mask
        self.__dict__.update(arguments=dict(arguments or {}), _output_shape=output_shape)
        self.supports_masking = mask is not None
        self.__dict__["_takes"] = _names_in(function)

    def call(self, inputs, mask=None, training=None):
        """function(inputs)."""
        given = {"mask": mask, "training": training}
        return self.function(inputs, **self.arguments, **{name: given[name] for name in self._takes})

    def compute_mask(self, inputs, mask=None):
        """What the constructor was told."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape):
        """The shape that the constructor was told, or that of a run on zeros."""
        given = self._output_shape
        if given is None:
            return super().compute_output_shape(input_shape)
        if callable(given):
            return given(input_shape)
        many = len(input_shape) > 0 and isinstance(input_shape[0], (tuple, list))
        return ((input_shape[0] if many else input_shape)[0], *given)

    def _says_shape(self):
        return self._output_shape is not None

    def get_config(self):
        """The arguments that make such a layer, the function itself among them."""
        return {**super().get_config(), "function": self.function, "output_shape": self._output_shape,
                "mask": self.mask, "arguments": dict(self.arguments)}


def _names_in(function):
    try:
        return frozenset(inspect.signature(function).parameters) & {"mask", "training"}
    except (TypeError, ValueError):             # a built-in that does not tell
        return frozenset()
