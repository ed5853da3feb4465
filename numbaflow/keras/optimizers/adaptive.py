"""Adam and its kin: running means of gradients over running sizes of them."""
import numpy as np

from numbaflow.kernels import optimizers as kernels
from numbaflow.train.numbers import held, put, sqrt

from .base import EPSILON, Hyper, Optimizer
from .schedules import LearningRateSchedule


class _Moments(Optimizer):
    """The base of these: beta_1, beta_2 and epsilon."""

    beta_1, beta_2 = Hyper("beta_1"), Hyper("beta_2")
    _hyper_names = ("beta_1", "beta_2")

    def __init__(self, learning_rate, beta_1, beta_2, epsilon, name, **kwargs):
        super().__init__(name, learning_rate, **kwargs)
        self._set_hyper("beta_1", beta_1)
        self._set_hyper("beta_2", beta_2)
        self.epsilon = epsilon or EPSILON

    def _slot_values(self):
        return {"m": 0.0, "v": 0.0}

    def _of_step(self):
        """(the learning rate, beta_1, beta_2, the number of the step, from 1)"""
        return (self._rate(), self._number("beta_1"), self._number("beta_2"),
                held(self._iterations) + 1)

    def get_config(self):
        """The arguments that make such an optimizer."""
        return {**super().get_config(), "epsilon": self.epsilon}


class Adam(_Moments):
    """Adam: steps along the running mean of gradients, over the root of their running mean square.

    Args:
        learning_rate, beta_1, beta_2: numbers, variables or functions.
        epsilon: keeps the quotient finite.
        amsgrad: take the largest mean square so far.
        name: the optimizer's name.
        **kwargs: clipnorm, clipvalue, lr, decay; see `Optimizer`.

    The rule is that of `train.AdamOptimizer`.  The slots are "m", "v" and, for amsgrad, "vhat".
    IndexedSlices change every row: those without a gradient decay.  Kingma and Ba, Adam: A Method for
    Stochastic Optimization, ICLR 2015; Reddi, Kale and Kumar, On the Convergence of Adam and Beyond, ICLR
    2018.

    >>> import numbaflow as nf
    >>> v = nf.Variable([1.0, 2.0])
    >>> nf.keras.optimizers.Adam(0.5).apply_gradients([(nf.constant([3.0, -0.1]), v)])
    >>> v.numpy().round(4).tolist()
    [0.5, 2.5]
    """

    _apply_sparse = Optimizer._apply_filled

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=EPSILON, amsgrad=False,
                 name="Adam", **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, name, **kwargs)
        self.amsgrad = amsgrad
        self._update = kernels.amsgrad if amsgrad else kernels.adam

    def _slot_values(self):
        return {**super()._slot_values(), **({"vhat": 0.0} if self.amsgrad else {})}

    def _constants(self):
        rate, beta_1, beta_2, t = self._of_step()
        return (rate * sqrt(1.0 - beta_2**t) / (1.0 - beta_1**t), 1.0 - beta_1, 1.0 - beta_2, self.epsilon)

    def get_config(self):
        """The arguments that make such an optimizer."""
        return {**super().get_config(), "amsgrad": self.amsgrad}


class Adamax(_Moments):
    """Adamax: Adam with the largest gradient of late in place of the root mean square.

    ``m = beta_1 * m + (1 - beta_1) * g; u = max(beta_2 * u, |g|)``, and at step t
    ``v -= learning_rate / (1 - beta_1**t) * m / (u + epsilon)``.

    Args:
        learning_rate, beta_1, beta_2: numbers, variables or functions.
        epsilon: keeps the quotient finite.
        name: the optimizer's name.
        **kwargs: clipnorm, clipvalue, lr, decay; see `Optimizer`.

    The slots "m" and "v" hold m and u.  Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015,
    section 7.1.

    >>> import numbaflow as nf
    >>> v = nf.Variable([1.0, 2.0])
    >>> nf.keras.optimizers.Adamax(0.5).apply_gradients([(nf.constant([3.0, -0.1]), v)])
    >>> v.numpy().round(4).tolist()
    [0.5, 2.5]
    """

    _update = kernels.adamax

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=EPSILON, name="Adamax",
                 **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, name, **kwargs)

    def _constants(self):
        rate, beta_1, beta_2, t = self._of_step()
        return rate / (1.0 - beta_1**t), 1.0 - beta_1, beta_2, self.epsilon


class Nadam(_Moments):
    """Nadam: Adam with Nesterov's momentum, whose beta_1 grows with the step.

    With ``u[t] = beta_1 * (1 - 0.96**(0.004 * t) / 2)`` and its product up to t, P[t], it is
    ``v -= learning_rate * ((1 - u[t]) * g / (1 - P[t]) + u[t+1] * m / (1 - P[t+1])) / (sqrt(n) + epsilon)``,
    with n = s / (1 - beta_2**t), and m and s as in Adam.

    Args:
        learning_rate: a number or variable.
        beta_1, beta_2: numbers, variables or functions.
        epsilon: keeps the quotient finite.
        name: the optimizer's name.
        **kwargs: clipnorm, clipvalue, lr, decay; see `Optimizer`.

    The slots "m" and "v" hold m and s, "momentum_cache" P.  Of IndexedSlices only the rows that have a
    gradient move; m and s of the others decay.  Dozat, Incorporating Nesterov Momentum into Adam, ICLR
    workshop 2016.

    Raises:
        ValueError: a schedule as learning rate.

    >>> import numbaflow as nf
    >>> v = nf.Variable([1.0, 2.0])
    >>> nf.keras.optimizers.Nadam(0.5).apply_gradients([(nf.constant([3.0, -0.1]), v)])
    >>> v.numpy().round(4)
    array([0.4718, 2.5282], dtype=float32)
    """

    _update = kernels.nadam

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=EPSILON, name="Nadam",
                 **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, name, **kwargs)
        if isinstance(self.learning_rate, LearningRateSchedule):
            raise ValueError("The Nadam optimizer does not support a LearningRateSchedule as the learning "
                             "rate")
        self._next_product = 1.0

    def _create_slots(self, variable):
        if not self._non_slots:
            self._add_non_slot("momentum_cache", np.float64(1.0))
        super()._create_slots(variable)

    def _constants(self):
        rate, beta_1, beta_2, t = self._of_step()
        now, after = (beta_1 * (1.0 - 0.5 * 0.96**(0.004 * step)) for step in (t, t + 1))
        product = self._next_product = held(self._non_slots["momentum_cache"]) * now
        return (rate * (1.0 - now) / (1.0 - product), rate * after / (1.0 - product * after),
                1.0 / (1.0 - beta_2**t), 1.0 - beta_1, 1.0 - beta_2, self.epsilon)

    def _apply_sparse(self, rows, g, variable, slots, constants):
        for slot, gain in zip(slots, constants[3:5], strict=True):
            self._scale_rows(rows, 1.0 - gain, slot, others=True)
        super()._apply_sparse(rows, g, variable, slots, constants)

    def _finish(self):
        put(self._non_slots["momentum_cache"], self._next_product)
        self._next_product = 1.0                # (nothing of a trace stays)
        super()._finish()
