"""Steps that draw parameters towards 0 and, with l1, to exactly 0 (Duchi and Singer, 2009)."""
from numbaflow.kernels import optimizers as kernels

from .optimizer import Optimizer, number


class ProximalGradientDescentOptimizer(Optimizer):
    """Gradient descent, and after it ``v = sign(v) * max(|v| - rate * l1, 0) / (1 + rate * l2)``.

    Args:
        learning_rate: the rate; a number, tensor, variable or function.
        l1_regularization_strength, l2_regularization_strength: l1 and l2; the same.
        use_locking: ignored.
        name: the optimizer's name.

    Duchi and Singer, Efficient Online and Batch Learning Using Forward Backward Splitting, JMLR 10, 2009.

    >>> import numbaflow as nf
    >>> v = nf.Variable([1.0, -0.25])
    >>> step = nf.train.ProximalGradientDescentOptimizer(0.5, l1_regularization_strength=1.0)
    >>> step.apply_gradients([(nf.constant([0.5, 0.0]), v)])
    >>> v.numpy().tolist()
    [0.25, -0.0]
    """

    _update = kernels.proximal_gradient_descent

    def __init__(self, learning_rate, l1_regularization_strength=0.0, l2_regularization_strength=0.0,
                 use_locking=False, name="ProximalGradientDescent"):
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength

    def _constants(self):
        return number(self._learning_rate), number(self._l1), number(self._l2)


class ProximalAdagradOptimizer(Optimizer):
    """Proximal gradient descent at Adagrad's rate, ``learning_rate / sqrt(a)`` after ``a += g**2``.

    Args:
        learning_rate: a number, tensor, variable or function.
        initial_accumulator_value: what a starts from; positive.
        l1_regularization_strength, l2_regularization_strength: as in `ProximalGradientDescentOptimizer`.
        use_locking: ignored.
        name: the optimizer's name.

    The slot "accumulator" holds a.

    Raises:
        ValueError: initial_accumulator_value is not positive.

    >>> import numbaflow as nf
    >>> v = nf.Variable(1.0)
    >>> nf.train.ProximalAdagradOptimizer(1.0, 3.0, 0.5).apply_gradients([(nf.constant(1.0), v)])
    >>> v.numpy()
    np.float32(0.25)
    """

    _update = kernels.proximal_adagrad

    def __init__(self, learning_rate, initial_accumulator_value=0.1, l1_regularization_strength=0.0,
                 l2_regularization_strength=0.0, use_locking=False, name="ProximalAdagrad"):
        if initial_accumulator_value <= 0.0:
            raise ValueError(f"initial_accumulator_value must be positive: {initial_accumulator_value}")
        super().__init__(use_locking, name)
        self._learning_rate, self._initial_accumulator_value = learning_rate, initial_accumulator_value
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength

    def _slot_values(self):
        return {"accumulator": self._initial_accumulator_value}

    def _constants(self):
        return number(self._learning_rate), number(self._l1), number(self._l2)
