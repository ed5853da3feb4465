"""Adagrad dual averaging (Duchi, Hazan and Singer, 2011)."""
from numbaflow.kernels import optimizers as kernels

from .optimizer import Optimizer, number


class AdagradDAOptimizer(Optimizer):
    """Adagrad dual averaging: a parameter follows the sum of all its gradients, and is 0 where that is small.

    ``s += g; a += g**2``, and at step t
    ``v = -learning_rate * sign(s) * max(|s| - l1 * t, 0) / (sqrt(a) + l2 * t * learning_rate)``.

    Args:
        learning_rate: a number, tensor, variable or function.
        global_step: a variable that counts steps, before this one; pass it to `apply_gradients` as well.
        initial_gradient_squared_accumulator_value: what a starts from; positive.
        l1_regularization_strength, l2_regularization_strength: l1 and l2; numbers, tensors, variables or
            functions.
        use_locking: ignored.
        name: the optimizer's name.

    The slots "gradient_accumulator" and "gradient_squared_accumulator" hold s and a.  Duchi, Hazan and
    Singer, Adaptive Subgradient Methods, JMLR 12, 2011.

    Raises:
        ValueError: initial_gradient_squared_accumulator_value is not positive.

    >>> import numbaflow as nf
    >>> v, step = nf.Variable(1.0), nf.Variable(0)
    >>> da = nf.train.AdagradDAOptimizer(1.0, step, 9.0, l1_regularization_strength=1.0)
    >>> da.apply_gradients([(nf.constant(4.0), v)], global_step=step)
    >>> v.numpy()
    np.float32(-0.6)
    """

    _update = kernels.adagrad_da

    def __init__(self, learning_rate, global_step, initial_gradient_squared_accumulator_value=0.1,
                 l1_regularization_strength=0.0, l2_regularization_strength=0.0, use_locking=False,
                 name="AdagradDA"):
        if initial_gradient_squared_accumulator_value <= 0.0:
            raise ValueError("initial_gradient_squared_accumulator_value must be positive: "
                             f"{initial_gradient_squared_accumulator_value}")
        super().__init__(use_locking, name)
        self._learning_rate, self._global_step = learning_rate, global_step
        self._initial = initial_gradient_squared_accumulator_value
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength

    def _slot_values(self):
        return {"gradient_accumulator": 0.0, "gradient_squared_accumulator": self._initial}

    def _constants(self):
        rate, step = number(self._learning_rate), number(self._global_step) + 1.0
        return rate, number(self._l1) * step, number(self._l2) * step * rate
