"""Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""
from numbaflow.kernels import optimizers as kernels

from .adam import AdamOptimizer
from .optimizer import number


class AdamWOptimizer(AdamOptimizer):
    """Adam, where each step first makes parameters smaller: ``v -= weight_decay * v``.

    Args:
        weight_decay: a number, tensor, variable or function; not multiplied by the learning rate.
        learning_rate, beta1, beta2, epsilon: as in `AdamOptimizer`.
        use_locking: ignored.
        name: the optimizer's name.

    Of IndexedSlices only the rows that have a gradient decay.  The name and the order of the arguments are
    those of TensorFlow's `tf.contrib.opt.AdamWOptimizer`.  Loshchilov and Hutter, Decoupled Weight Decay
    Regularization, ICLR 2019.

    >>> import numbaflow as nf
    >>> v = nf.Variable(1.0)
    >>> nf.train.AdamWOptimizer(0.25, learning_rate=0.5).apply_gradients([(nf.constant(3.0), v)])
    >>> v.numpy().round(4)
    np.float32(0.25)
    """

    _update = kernels.adamw

    def __init__(self, weight_decay, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8,
                 use_locking=False, name="AdamW"):
        super().__init__(learning_rate, beta1, beta2, epsilon, use_locking, name)
        self._weight_decay = weight_decay

    def _constants(self):
        return number(self._weight_decay), *super()._constants()

    def _apply_sparse(self, rows, g, variable, slots, constants):
        decay, *adam = constants
        variable._update(_shrink, rows, decay)
        super()._apply_sparse(rows, g, variable, slots, (0.0, *adam))


def _shrink(array, rows, decay):
    array[rows] -= array.dtype.type(decay) * array[rows]
