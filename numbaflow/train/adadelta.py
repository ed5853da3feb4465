"""Adadelta (Zeiler, 2012)."""
from numbaflow.kernels import optimizers as kernels

from .optimizer import Optimizer, number


class AdadeltaOptimizer(Optimizer):
    """Adadelta: steps as long as earlier ones were, over the root of the gradients' running mean square.

    ``s = rho * s + (1 - rho) * g**2; u = g * sqrt(d + epsilon) / sqrt(s + epsilon);
    d = rho * d + (1 - rho) * u**2; v -= learning_rate * u``

    Args:
        learning_rate, rho, epsilon: numbers, tensors, variables or functions.
        use_locking: ignored.
        name: the optimizer's name.

    The slots "accum" and "accum_update" hold s and d.  Zeiler, ADADELTA: An Adaptive Learning Rate Method,
    arXiv:1212.5701, 2012.

    >>> import numbaflow as nf
    >>> v = nf.Variable(1.0)
    >>> nf.train.AdadeltaOptimizer(1.0, rho=0.5, epsilon=1.0).apply_gradients([(nf.constant(4.0), v)])
    >>> v.numpy().round(4)
    np.float32(-0.3333)
    """

    _update = kernels.adadelta

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-8, use_locking=False, name="Adadelta"):
        super().__init__(use_locking, name)
        self._lr, self._rho, self._epsilon = learning_rate, rho, epsilon

    def _slot_values(self):
        return {"accum": 0.0, "accum_update": 0.0}

    def _constants(self):
        return number(self._lr), 1.0 - number(self._rho), number(self._epsilon)
