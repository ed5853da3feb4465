"""Adagrad (Duchi, Hazan and Singer, 2011)."""
from numbaflow.kernels import optimizers as kernels

from .optimizer import Optimizer, number


class AdagradOptimizer(Optimizer):
    """Adagrad: ``a += g**2; v -= learning_rate * g / sqrt(a)``.

    Args:
        learning_rate: a number, tensor, variable or function.
        initial_accumulator_value: what a starts from; positive.
        use_locking: ignored.
        name: the optimizer's name.

    The slot "accumulator" holds a.  Duchi, Hazan and Singer, Adaptive Subgradient Methods, JMLR 12, 2011.

    Raises:
        ValueError: initial_accumulator_value is not positive.

    >>> import numbaflow as nf
    >>> v = nf.Variable(1.0)
    >>> nf.train.AdagradOptimizer(1.0, initial_accumulator_value=3.0).apply_gradients([(nf.constant(1.0), v)])
    >>> v.numpy()
    np.float32(0.5)
    """

    _update = kernels.adagrad

    def __init__(self, learning_rate, initial_accumulator_value=0.1, use_locking=False, name="Adagrad"):
        if initial_accumulator_value <= 0.0:
            raise ValueError(f"initial_accumulator_value must be positive: {initial_accumulator_value}")
        super().__init__(use_locking, name)
        self._learning_rate, self._initial_accumulator_value = learning_rate, initial_accumulator_value

    def _slot_values(self):
        return {"accumulator": self._initial_accumulator_value}

    def _constants(self):
        return number(self._learning_rate), 0.0
