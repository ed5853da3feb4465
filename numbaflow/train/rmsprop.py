"""RMSProp (Tieleman and Hinton, 2012)."""
from numbaflow.kernels import optimizers as kernels

from .optimizer import Optimizer, number


class RMSPropOptimizer(Optimizer):
    """RMSProp: gradients over the root of their running mean square, with momentum.

    ``s = decay * s + (1 - decay) * g**2; a = momentum * a + learning_rate * g / sqrt(s + epsilon); v -= a``

    Args:
        learning_rate, decay, momentum, epsilon: numbers, tensors, variables or functions.
        use_locking: ignored.
        centered: divide by an estimate of the standard deviation, ``sqrt(s - c**2 + epsilon)`` with c the
            running mean of g.
        name: the optimizer's name.

    The slots "rms" (which starts at 1), "momentum" and, when centered, "mg" hold s, a and c.
    Tieleman and Hinton, Neural Networks for Machine Learning, lecture 6, 2012.

    >>> import numbaflow as nf
    >>> v = nf.Variable(1.0)
    >>> nf.train.RMSPropOptimizer(0.25, epsilon=0.0).apply_gradients([(nf.constant(1.0), v)])
    >>> v.numpy()
    np.float32(0.75)
    """

    def __init__(self, learning_rate, decay=0.9, momentum=0.0, epsilon=1e-10, use_locking=False,
                 centered=False, name="RMSProp"):
        super().__init__(use_locking, name)
        self._learning_rate, self._decay, self._momentum = learning_rate, decay, momentum
        self._epsilon, self._centered = epsilon, centered
        self._update = kernels.centered_rmsprop if centered else kernels.rmsprop

    def _slot_values(self):
        mean = {"mg": 0.0} if self._centered else {}
        return {"rms": 1.0, **mean, "momentum": 0.0}

    def _constants(self):
        return (number(self._learning_rate), 1.0 - number(self._decay), number(self._momentum),
                number(self._epsilon))
