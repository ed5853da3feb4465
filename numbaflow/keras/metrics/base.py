"""Metric: state in variables that `update_state` adds to, `result` reads and `reset_states` clears."""
import re

import numpy as np

from numbaflow.core.device import CPU, device
from numbaflow.core.dtypes import as_numpy
from numbaflow.core.trackable import AutoTrackable, NoDependency
from numbaflow.core.variable import Variable
from numbaflow.ops.creation import zeros


class Metric(AutoTrackable):
    """The base of metrics; calling one adds a batch and gives the result so far.

    Args:
        name: the metric's name, by default its class's in snake case.
        dtype: of its variables and its result, float32 by default.

    A subclass makes variables with `add_weight` in its constructor, and overrides `update_state` and
    `result`.

    >>> import numbaflow as nf
    >>> class Positives(nf.keras.metrics.Metric):
    ...     def __init__(self):
    ...         super().__init__(name="positives")
    ...         self.count = self.add_weight("count")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.count.assign_add(nf.reduce_sum(nf.cast(y_pred > 0.0, nf.float32)))
    ...     def result(self):
    ...         return self.count.value()
    >>> positives = Positives()
    >>> positives([1, 1], nf.constant([0.5, -0.5])).numpy(), positives([1], nf.constant([2.0])).numpy()
    (np.float32(1.0), np.float32(2.0))
    """

    stateful = True

    def __init__(self, name=None, dtype=None):
        self.name = name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()
        self.dtype = as_numpy(np.float32 if dtype is None else dtype).name
        self._weights = NoDependency([])         # (each is tracked as an attribute already)

    def __call__(self, *args, **kwargs):
        self.update_state(*args, **kwargs)
        return self.result()

    def add_weight(self, name, shape=(), aggregation=None, synchronization=None, initializer=None,
                   dtype=None):
        """Make a variable of the metric's, which `reset_states` sets to 0.

        Args:
            name: its name, after the metric's own and a slash.
            shape: its shape.
            aggregation, synchronization: ignored.
            initializer: a function of shape and dtype that gives its first value, or "zeros" or "ones"; zeros
                by default.
            dtype: the metric's by default.
        """
        dtype = as_numpy(dtype or self.dtype)
        if isinstance(initializer, str):
            from .. import initializers
            initializer = initializers.get(initializer)
        with device(CPU):               # (where eager metrics compute)
            made = Variable(lambda: (initializer or zeros)(shape, dtype=dtype), trainable=False,
                            name=f"{self.name}/{name}")
        self._weights.append(made)
        return made

    # ---- what a subclass says
    def update_state(self, *args, **kwargs):
        """Add a batch."""
        raise NotImplementedError("Must be implemented in subclasses.")

    def result(self):
        """The metric of all that was added since the start or `reset_states`, a tensor."""
        raise NotImplementedError("Must be implemented in subclasses.")

    # ---- the public face
    variables = property(lambda self: list(self._weights), doc="The variables, in order.")
    weights = non_trainable_variables = non_trainable_weights = variables
    trainable_variables = trainable_weights = property(lambda self: [], doc="None: metrics are not trained.")

    def reset_states(self):
        """Set all variables to 0."""
        for variable in self._weights:
            variable.assign(np.zeros(variable._data.shape, variable._data.dtype))

    def get_config(self):
        """The arguments that make such a metric."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config):
        """The metric of a config."""
        return cls(**config)
