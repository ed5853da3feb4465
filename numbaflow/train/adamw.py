"""Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""
import contextlib

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
        self._weight_decay, self._decayed = weight_decay, None

    def minimize(self, loss, global_step=None, var_list=None, gate_gradients=AdamOptimizer.GATE_OP,
                 aggregation_method=None, colocate_gradients_with_ops=False, name=None, grad_loss=None,
                 decay_var_list=None):
        """As `Optimizer.minimize`; only the variables in decay_var_list decay, by default all."""
        with self._decaying(decay_var_list):
            super().minimize(loss, global_step, var_list, gate_gradients, aggregation_method,
                             colocate_gradients_with_ops, name, grad_loss)

    def apply_gradients(self, grads_and_vars, global_step=None, name=None, decay_var_list=None):
        """As `Optimizer.apply_gradients`; only the variables in decay_var_list decay, by default all."""
        with self._decaying(decay_var_list if decay_var_list is not None else self._decayed):
            super().apply_gradients(grads_and_vars, global_step, name)

    @contextlib.contextmanager
    def _decaying(self, variables):
        kept, self._decayed = self._decayed, variables
        try:
            yield
        finally:
            self._decayed = kept

    def _constants(self):
        return number(self._weight_decay), *super()._constants()

    def _own(self, variable, constants):
        """The constants for one variable: without decay if it is not among those that decay."""
        if self._decayed is None or any(v is variable for v in self._decayed):
            return constants
        return 0.0, *constants[1:]

    def _apply_dense(self, g, variable, slots, constants):
        super()._apply_dense(g, variable, slots, self._own(variable, constants))

    def _apply_sparse(self, rows, g, variable, slots, constants):
        decay, *adam = self._own(variable, constants)
        self._scale_rows(rows, 1.0 - decay, variable)
        super()._apply_sparse(rows, g, variable, slots, (0.0, *adam))
