"""Learning rates as functions of the step, for `learning_rate` of Keras optimizers."""
from collections.abc import Callable

from numbaflow.train import decay_formulas as formulas
from numbaflow.train.learning_rate import check_pieces, check_positive, rate_dtype
from numbaflow.train.numbers import number, scalar

from ..registry import Registry


class LearningRateSchedule:
    """The base of schedules: called with the step, one gives the rate.

    A subclass overrides `__call__` and `get_config`.

    >>> import numbaflow as nf
    >>> class Halves(nf.keras.optimizers.schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.5 ** int(step)
    >>> nf.keras.optimizers.SGD(Halves()).learning_rate(2)
    0.25
    """

    def __call__(self, step):
        raise NotImplementedError("Learning rate schedule must override __call__")

    def get_config(self):
        """The arguments that make such a schedule."""
        raise NotImplementedError("Learning rate schedule must override get_config")

    @classmethod
    def from_config(cls, config):
        """The schedule of a config."""
        return cls(**config)


class _Formula(LearningRateSchedule):
    """The base of schedules that are a formula of the step and of the arguments, in order."""

    _formula: Callable

    def __init__(self, name, **arguments):
        self.name, self._arguments = name, arguments
        check_positive(type(self).__name__, arguments["decay_steps"])

    def __call__(self, step):
        values = [v if isinstance(v, bool) else number(v) for v in self._arguments.values()]
        dtype = rate_dtype(self._arguments["initial_learning_rate"])
        return scalar(self._formula(number(step), *values), dtype)

    def get_config(self):
        """The arguments that make such a schedule."""
        plain = {k: v if isinstance(v, (bool, int)) else number(v) for k, v in self._arguments.items()}
        return {**plain, "name": self.name}


class ExponentialDecay(_Formula):
    """initial_learning_rate * decay_rate**p, with p = step / decay_steps.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: after how many steps it is multiplied by decay_rate.
        decay_rate: the factor.
        staircase: round p down.
        name: the schedule's name.

    >>> import numbaflow as nf
    >>> nf.keras.optimizers.schedules.ExponentialDecay(1.0, 10, 0.25)(5).numpy()
    np.float32(0.5)
    """

    _formula = staticmethod(formulas.exponential)

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name=None):
        super().__init__(name, initial_learning_rate=initial_learning_rate, decay_steps=decay_steps,
                         decay_rate=decay_rate, staircase=staircase)


class InverseTimeDecay(_Formula):
    """initial_learning_rate / (1 + decay_rate * p), with p = step / decay_steps.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps, decay_rate: see the formula.
        staircase: round p down.
        name: the schedule's name.

    >>> import numbaflow as nf
    >>> nf.keras.optimizers.schedules.InverseTimeDecay(1.0, 10, 0.5)(20).numpy()
    np.float32(0.5)
    """

    _formula = staticmethod(formulas.inverse_time)

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name=None):
        super().__init__(name, initial_learning_rate=initial_learning_rate, decay_steps=decay_steps,
                         decay_rate=decay_rate, staircase=staircase)


class PolynomialDecay(_Formula):
    """From initial_learning_rate to end_learning_rate in decay_steps, along (1 - p)**power.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: how many steps it takes.
        end_learning_rate: the rate after these.
        power: 1 for a straight line.
        cycle: start anew, each time from the line drawn on to the next multiple of decay_steps.
        name: the schedule's name.

    >>> import numbaflow as nf
    >>> nf.keras.optimizers.schedules.PolynomialDecay(1.0, 10, end_learning_rate=0.5)(5).numpy()
    np.float32(0.75)
    """

    _formula = staticmethod(formulas.polynomial)

    def __init__(self, initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False,
                 name=None):
        super().__init__(name, initial_learning_rate=initial_learning_rate, decay_steps=decay_steps,
                         end_learning_rate=end_learning_rate, power=power, cycle=cycle)


class CosineDecay(_Formula):
    """From initial_learning_rate to alpha * initial_learning_rate in decay_steps, along half a cosine.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: how many steps it takes.
        alpha: the share of the rate that is left at the end.
        name: the schedule's name.

    >>> import numbaflow as nf
    >>> nf.keras.optimizers.schedules.CosineDecay(1.0, 10)(5).numpy()
    np.float32(0.5)
    """

    _formula = staticmethod(formulas.cosine)

    def __init__(self, initial_learning_rate, decay_steps, alpha=0.0, name=None):
        super().__init__(name, initial_learning_rate=initial_learning_rate, decay_steps=decay_steps,
                         alpha=alpha)


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to the first boundary, the next after it, and so on; the last after the last boundary.

    Args:
        boundaries: step numbers that grow.
        values: rates, one more.
        name: the schedule's name.

    Raises:
        ValueError: lists whose lengths do not fit, or boundaries that fall.

    >>> import numbaflow as nf
    >>> rate = nf.keras.optimizers.schedules.PiecewiseConstantDecay([100], [1.0, 0.5])
    >>> rate(100).numpy(), rate(101).numpy()
    (np.float32(1.0), np.float32(0.5))
    """

    def __init__(self, boundaries, values, name=None):
        check_pieces(boundaries, values)
        self.boundaries, self.values, self.name = list(boundaries), list(values), name

    def __call__(self, step):
        values = [number(v) for v in self.values]
        found = formulas.piecewise_constant(number(step), [number(b) for b in self.boundaries], values)
        return scalar(found, rate_dtype(self.values[0]))

    def get_config(self):
        """The arguments that make such a schedule."""
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


_schedules = Registry("learning rate schedule", {c.__name__: c for c in (
    CosineDecay, ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay)},
    LearningRateSchedule)


def serialize(learning_rate_schedule):
    """The config of a schedule."""
    return _schedules.serialize(learning_rate_schedule)


def deserialize(config, custom_objects=None):
    """The schedule of what `serialize` gave; custom_objects are names of your own."""
    return _schedules.deserialize(config, custom_objects)


__all__ = ["CosineDecay", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule",
           "PiecewiseConstantDecay", "PolynomialDecay", "deserialize", "serialize"]
