"""Metric: state in variables that calls add to and `result` reads.

The variables are made at the first call, by `build`, so that they may depend on what is measured.
"""
import re

import numpy as np

from numbaflow.core.device import CPU, device
from numbaflow.core.scopes import name_scope
from numbaflow.core.trackable import Trackable
from numbaflow.core.variable import Variable
from numbaflow.ops.creation import zeros


class Metric(Trackable):
    """The base of metrics: `build` makes variables, `call` adds to them, `result` gives the number.

    Args:
        name: the metric's name, by default its class's.
        use_global_variables: ignored; for TensorFlow's graphs.

    A subclass overrides all three.  `build` gets the arguments of the first call and makes variables with
    `add_variable`; `call` gets those of each call, and what it returns the caller gets.

    >>> import numbaflow as nf
    >>> class Largest(nf.contrib.eager.metrics.Metric):
    ...     def build(self, value):
    ...         self.top = self.add_variable("top", dtype=nf.float32)
    ...     def call(self, value):
    ...         self.top.assign(nf.maximum(self.top, value))
    ...     def result(self):
    ...         return self.top.value()
    >>> largest = Largest()
    >>> for x in (1.0, 3.0, 2.0):
    ...     largest(x)
    >>> largest.result().numpy()
    np.float32(3.0)
    """

    def __init__(self, name=None, use_global_variables=False):
        self._name, self._built = name or type(self).__name__, False
        self._vars, self._initial_values = [], []

    def __call__(self, *args, **kwargs):
        if not self._built:
            self._build_once(*args, **kwargs)
        return self.call(*args, **kwargs)

    def _build_once(self, *args, **kwargs):
        if not self._vars:              # (else somebody called build)
            self.build(*args, **kwargs)
        self._built = True

    # ---- what a subclass says
    def build(self, *args, **kwargs):
        """Make the variables, with `add_variable`; gets the arguments of the first call."""
        raise NotImplementedError("Metrics must define a build() member function")

    def call(self, *args, **kwargs):
        """Add a batch to the variables."""
        raise NotImplementedError("Metrics must define a call() member function")

    def result(self):
        """The metric of all that was added, a tensor."""
        raise NotImplementedError("Metrics must define a result() member function")

    # ---- the public face
    name = property(lambda self: self._name, doc="The name given, or the class's.")
    variables = property(lambda self: self._vars, doc="The variables made so far, in order.")

    def add_variable(self, name, shape=None, dtype=None, initializer=None):
        """Make a variable of the metric's; for `build` only.

        Args:
            name: its name, after the metric's own and a slash.
            shape: its shape, () by default.
            dtype: its dtype, float32 by default.
            initializer: a function of (shape, dtype), or of shape and dtype by name, that gives its first
                value; zeros by default.

        Raises:
            RuntimeError: the metric is built.
        """
        if self._built:
            raise RuntimeError("Can't call add_variable() except in build().")
        shape, dtype = () if shape is None else shape, np.float32 if dtype is None else dtype
        scope = re.sub(r"[^A-Za-z0-9.]", "_", self._name)
        with name_scope(""), device(CPU):       # (where eager metrics compute)
            made = Variable(lambda: (initializer or zeros)(shape, dtype=dtype), trainable=False,
                            name=f"{scope}/{name}", dtype=dtype)
        self._vars.append(made)
        self._initial_values.append(made._data.copy())
        return self._track(made, name)

    def init_variables(self):
        """Set the variables to their first values: the metric of nothing yet."""
        for variable, value in zip(self._vars, self._initial_values, strict=True):
            variable.assign(value)

    def value(self):
        """The function `result`, to be called."""
        return self.result

    def aggregate(self, metrics):
        """Add the variables of other metrics of this class to this one's.

        Raises:
            TypeError: a metric of another class.
            ValueError: a metric whose variables have other names.
        """
        for m in metrics:
            if type(self) is not type(m):
                raise TypeError(f"All metrics must be the same type, '{type(self)}' != '{type(m)}'.")
            if [v.name for v in m.variables] != [v.name for v in self._vars]:
                raise ValueError("All metrics must have variables in the same order.")
        for k, variable in enumerate(self._vars):
            for m in metrics:
                variable.assign_add(m.variables[k])
