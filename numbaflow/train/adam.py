"""Adam (Kingma and Ba, 2015)."""
import numpy as np

from numbaflow.kernels import optimizers as kernels

from .numbers import held, multiply, number, sqrt
from .optimizer import Optimizer


class AdamOptimizer(Optimizer):
    """Adam: steps along the running mean of gradients, over the root of their running mean square.

    ``m = beta1 * m + (1 - beta1) * g; s = beta2 * s + (1 - beta2) * g**2``, and at step t
    ``v -= learning_rate * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(s) + epsilon)``.

    Args:
        learning_rate, beta1, beta2: numbers, tensors, variables or functions.
        epsilon: the same; the "epsilon hat" of the paper's section 2.
        use_locking: ignored.
        name: the optimizer's name.

    The slots "m" and "v" hold m and s.  IndexedSlices change every row: those without a gradient decay.
    Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.

    >>> import numbaflow as nf
    >>> v = nf.Variable([1.0, 2.0])
    >>> nf.train.AdamOptimizer(0.5).apply_gradients([(nf.constant([3.0, -0.1]), v)])
    >>> v.numpy().round(4).tolist()
    [0.5, 2.5]
    """

    _update = kernels.adam

    def __init__(self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, use_locking=False,
                 name="Adam"):
        super().__init__(use_locking, name)
        self._lr, self._beta1, self._beta2, self._epsilon = learning_rate, beta1, beta2, epsilon

    def _slot_values(self):
        return {"m": 0.0, "v": 0.0}

    def _create_slots(self, variable):
        if not self._non_slots:
            # powers near 1 whose distance from 1 counts: float64 for variables of any dtype
            for name, beta in (("beta1_power", self._beta1), ("beta2_power", self._beta2)):
                self._add_non_slot(name, np.float64(number(beta)))
        super()._create_slots(variable)

    def _powers(self):
        """The variables of beta1**t and beta2**t, t the step to come."""
        return self._non_slots["beta1_power"], self._non_slots["beta2_power"]

    def _constants(self):
        beta1, beta2 = number(self._beta1), number(self._beta2)
        power1, power2 = [held(p) for p in self._powers()]
        rate = number(self._lr) * sqrt(1.0 - power2) / (1.0 - power1)
        return rate, 1.0 - beta1, 1.0 - beta2, number(self._epsilon)

    _apply_sparse = Optimizer._apply_filled

    def _finish(self):
        for power, beta in zip(self._powers(), (self._beta1, self._beta2), strict=True):
            multiply(power, number(beta))
