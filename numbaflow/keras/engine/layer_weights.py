"""The variables of a layer: how they are made, found, read and set."""
import functools

from numbaflow.core import dtypes, scopes
from numbaflow.core.tensor import as_tensor
from numbaflow.core.variable import Variable

from .. import backend, constraints, initializers, regularizers
from . import gathering


class LayerWeights:
    """The part of a Layer that holds variables."""

    def add_weight(self, name=None, shape=None, dtype=None, initializer=None, regularizer=None,
                   trainable=None, constraint=None, partitioner=None, use_resource=None, synchronization=None,
                   aggregation=None, **kwargs):
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
        made = self._new_variable(name, self._weight_shape(name, shape), dtype, initializer,
                                  trainable is not False, constraints.get(constraint))
        self._added_weights.append(made)
        self._track(made, name or f"variable_{len(self._added_weights)}")
        gathering.changed()
        if regularizer is not None:
            self._penalties.append(functools.partial(_penalty, regularizers.get(regularizer), made))
        return made

    add_variable = add_weight

    def _new_variable(self, name, shape, dtype, initializer, trainable, constraint):
        initializer = initializers.get(initializer) or self._default_initializer(name, dtype)
        with scopes.name_scope(self._weight_scope()):
            made = Variable(lambda: initializer(shape, dtype=dtype), trainable, name=name, dtype=dtype,
                            constraint=constraint)
        if made.shape != shape:
            raise ValueError(f"Layer {self.name}: the initializer of {name!r} gave shape {made.shape} for "
                             f"{shape}")
        return made

    def _weight_shape(self, name, shape):
        shape = () if shape is None else (shape,) if isinstance(shape, int) else shape
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
        """The scope of a variable: this one if it is the layer's own, else one below, of the layer's name."""
        current = scopes.current()
        return current if f"/{current}".endswith(f"/{self._name}/") else f"{current}{self._name}/"

    # ---- all of them
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

    @property
    def trainable_variables(self):
        """The variables that are trained."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self):
        """The other variables; all of them if the layer is not trainable."""
        return self.non_trainable_weights

    @property
    def variables(self):
        """All variables."""
        return self.weights

    # ---- their values
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
            raise ValueError(f"You called `set_weights(weights)` on layer \"{self.name}\" with a  weight "
                             f"list of length {len(weights)}, but the layer was expecting {len(variables)} "
                             f"weights. Provided weights: {str(weights)[:50]}...")
        values = [as_tensor(w, v.dtype) for v, w in zip(variables, weights, strict=True)]
        for variable, value in zip(variables, values, strict=True):
            if value.shape != variable.shape:
                raise ValueError(f"Layer weight shape {variable.shape} not compatible with provided weight "
                                 f"shape {value.shape}: {variable.name} of layer {self.name}")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def count_params(self):
        """The number of elements of all variables; ValueError while the layer is not built."""
        if not self.built:
            raise ValueError(f"You tried to call `count_params` on {self.name}, but the layer isn't built. "
                             f"You can build it manually via: `{self.name}.build(batch_input_shape)`.")
        return sum(v.shape.num_elements() for v in self.weights)


def _penalty(regularizer, variable):
    return regularizer(variable)
