"""Gradient descent."""
from numbaflow.kernels import optimizers as kernels

from .optimizer import Optimizer, number


class GradientDescentOptimizer(Optimizer):
    """Gradient descent: ``v -= learning_rate * g``.

    Args:
        learning_rate: the step's length; a number, tensor, variable or function.
        use_locking: ignored.
        name: the optimizer's name.

    >>> import numbaflow as nf
    >>> v = nf.Variable([1.0, 2.0])
    >>> nf.train.GradientDescentOptimizer(0.5).apply_gradients([(nf.constant([1.0, 1.0]), v)])
    >>> v.numpy().tolist()
    [0.5, 1.5]
    """

    _update = kernels.gradient_descent

    def __init__(self, learning_rate, use_locking=False, name="GradientDescent"):
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def _constants(self):
        return (number(self._learning_rate),)
