"""Moving averages of variables."""
import weakref

from numbaflow.core.device import HOST
from numbaflow.core.placement import brought, fetch, place_of
from numbaflow.core.tape import stack
from numbaflow.core.trackable import Trackable
from numbaflow.core.variable import Variable
from numbaflow.kernels import optimizers as kernels

from . import device_steps, traced_steps
from .numbers import minimum, number
from .optimizer import unscoped


class ExponentialMovingAverage(Trackable):
    """Averages of variables over steps, of which later ones weigh more.

    Args:
        decay: what is left of an average after a step; a number, tensor, variable or function.
        num_updates: how many steps there were; with it the decay is at most ``(1 + n) / (10 + n)``.
        zero_debias: ignored: averages start from the variables' values.
        name: the name that averages are called by.

    >>> import numbaflow as nf
    >>> v = nf.Variable(0.0)
    >>> ema = nf.train.ExponentialMovingAverage(0.75)
    >>> ema.apply([v])
    >>> _ = v.assign(4.0)
    >>> ema.apply([v])
    >>> ema.average(v).numpy()
    np.float32(1.0)
    """

    _SLOT = "average"

    def __init__(self, decay, num_updates=None, zero_debias=False, name="ExponentialMovingAverage"):
        self._decay, self._num_updates, self._name = decay, num_updates, name
        self._averages = {}             # variable's id -> (its average, a weak reference to it)

    name = property(lambda self: self._name, doc="The name given.")

    def apply(self, var_list=None):
        """Take the variables' values into their averages, which start from them.

        In a compiled function they start from the values of when it is traced.

        Args:
            var_list: variables of float32 or float64.

        Raises:
            ValueError: no list: eager programs have no collection of all variables.
            TypeError: something that is no variable of floats.
        """
        if var_list is None:
            raise ValueError("ExponentialMovingAverage.apply: name the variables; eager execution keeps no "
                             "list of all")
        variables = [var_list] if isinstance(var_list, Variable) else list(var_list)
        for v in variables:
            if not isinstance(v, Variable) or v._data.dtype.kind != "f":
                raise TypeError(f"The variables must be float32 or float64 variables: {v!r}")
        gain = 1.0 - self._decay_now()
        try:
            for v in variables:
                self._step(self._of(v), v, gain)
        finally:
            if stack.frame[2] is None:
                device_steps.launch()

    def _step(self, average, variable, gain):
        if stack.frame[2] is not None:
            traced_steps.step(kernels.moving_average, (average,), variable._read(), (gain,))
        elif place_of(average) is not HOST:
            value = brought(variable._read(), place_of(average))
            device_steps.step(kernels.moving_average, (average,), value, (gain,))
        else:
            average._update(_follow, fetch(variable._read()).ravel(), gain)

    def _decay_now(self):
        decay = number(self._decay)
        if self._num_updates is None:
            return decay
        n = number(self._num_updates)
        return minimum(decay, (1.0 + n) / (10.0 + n))

    def _of(self, variable):
        """The average of a variable, made if need be; it goes when the variable goes."""
        key = variable._id
        if key not in self._averages:
            made, owner = unscoped(variable._read, self.average_name(variable), variable), weakref.ref(self)
            self._averages[key] = made, weakref.ref(variable, lambda _: _forget(owner(), key))
        return self._averages[key][0]

    def average(self, var):
        """The variable that holds the average of `var`, None before `apply`."""
        return self._averages.get(var._id, (None,))[0]

    def average_name(self, var):
        """The name of the average of `var`."""
        return f"{var._name}/{self._name}"

    # ---- checkpoints
    def _slot_variables(self):
        return [(held(), self._SLOT, average) for average, held in list(self._averages.values())
                if held() is not None]

    def _has_slot(self, variable, name):
        return isinstance(variable, Variable) and name == self._SLOT

    def _slot_for(self, variable, name):
        return self._of(variable)


def _follow(average, value, gain):
    kernels.moving_average(value.size, average.ravel(), value, gain)


def _forget(owner, key):
    if owner is not None:
        owner._averages.pop(key, None)
