"""Gradient descent with momentum."""
from numbaflow.kernels import optimizers as kernels

from .optimizer import Optimizer, number


class MomentumOptimizer(Optimizer):
    """Gradient descent with momentum: ``a = momentum * a + g; v -= learning_rate * a``.

    Args:
        learning_rate, momentum: numbers, tensors, variables or functions.
        use_locking: ignored.
        name: the optimizer's name.
        use_nesterov: look ahead (Sutskever et al., 2013): ``v -= learning_rate * (g + momentum * a)``.

    The slot "momentum" holds a.

    >>> import numbaflow as nf
    >>> v, step = nf.Variable(1.0), nf.train.MomentumOptimizer(0.1, 0.5)
    >>> for _ in range(2):
    ...     step.apply_gradients([(nf.constant(1.0), v)])
    >>> v.numpy(), step.get_slot(v, "momentum").numpy()
    (np.float32(0.75), np.float32(1.5))
    """

    def __init__(self, learning_rate, momentum, use_locking=False, name="Momentum", use_nesterov=False):
        super().__init__(use_locking, name)
        self._learning_rate, self._momentum, self._use_nesterov = learning_rate, momentum, use_nesterov
        self._update = kernels.nesterov if use_nesterov else kernels.momentum

    def _slot_values(self):
        return {"momentum": 0.0}

    def _constants(self):
        return number(self._learning_rate), number(self._momentum)
