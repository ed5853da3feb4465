"""Gradient descent, with momentum or without, and its kin with a rate for each parameter."""
from numbaflow.core.tensor import Tensor
from numbaflow.kernels import optimizers as kernels
from numbaflow.train.ftrl import check as check_ftrl

from .base import EPSILON, Hyper, Optimizer


class SGD(Optimizer):
    """Gradient descent: ``v -= learning_rate * g``; with momentum a running sum of such steps.

    With momentum it is ``a = momentum * a - learning_rate * g; v += a``.

    Args:
        learning_rate: a number, variable, schedule or function.
        momentum: from 0 to 1; 0 for plain descent.
        nesterov: look ahead: ``v += momentum * a - learning_rate * g``.
        name: the optimizer's name.
        **kwargs: clipnorm, clipvalue, lr, decay; see `Optimizer`.

    The slot "momentum" holds a.

    >>> import numbaflow as nf
    >>> v, sgd = nf.Variable(1.0), nf.keras.optimizers.SGD(0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     sgd.apply_gradients([(nf.constant(1.0), v)])
    >>> v.numpy(), sgd.iterations.numpy()
    (np.float32(-0.25), np.int64(2))
    """

    momentum = Hyper("momentum")
    _hyper_names = ("momentum",)

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, name="SGD", **kwargs):
        super().__init__(name, learning_rate, **kwargs)
        if isinstance(momentum, (int, float)) and not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be between [0, 1], got {momentum}")
        self._set_hyper("momentum", momentum)
        self.nesterov, self._moves = nesterov, not isinstance(momentum, (int, float)) or momentum > 0
        self._update = (kernels.keras_nesterov if nesterov else kernels.keras_momentum) if self._moves \
            else kernels.gradient_descent

    def _slot_values(self):
        return {"momentum": 0.0} if self._moves else {}

    def _constants(self):
        return (self._rate(), self._number("momentum")) if self._moves else (self._rate(),)

    def get_config(self):
        """The arguments that make such an optimizer."""
        return {**super().get_config(), "nesterov": self.nesterov}


class RMSprop(Optimizer):
    """RMSprop: gradients over the root of their running mean square, with momentum or without.

    ``s = rho * s + (1 - rho) * g**2; v -= learning_rate * g / (sqrt(s) + epsilon)``, or with momentum
    ``a = momentum * a + learning_rate * g / sqrt(s + epsilon); v -= a``.

    Args:
        learning_rate, rho, momentum: numbers, variables or functions.
        epsilon: keeps the quotient finite.
        centered: subtract the square of the gradients' running mean c from s in the root.
        name: the optimizer's name.
        **kwargs: clipnorm, clipvalue, lr, decay; see `Optimizer`.

    The slots "rms", "momentum" and "mg" hold s, a and c, from 0 on; the latter two where they are needed.
    Tieleman and Hinton, Neural Networks for Machine Learning, lecture 6, 2012.

    >>> import numbaflow as nf
    >>> v = nf.Variable(1.0)
    >>> nf.keras.optimizers.RMSprop(0.25, rho=0.75).apply_gradients([(nf.constant(1.0), v)])
    >>> v.numpy().round(4)
    np.float32(0.5)
    """

    rho, momentum = Hyper("rho"), Hyper("momentum")
    _hyper_names = ("rho", "momentum")

    def __init__(self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=EPSILON, centered=False,
                 name="RMSprop", **kwargs):
        super().__init__(name, learning_rate, **kwargs)
        if isinstance(momentum, (int, float)) and not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be between [0, 1], got {momentum}")
        self._set_hyper("rho", rho)
        self._set_hyper("momentum", momentum)
        self.epsilon, self.centered = epsilon or EPSILON, centered
        self._moves = not isinstance(momentum, (int, float)) or momentum > 0
        plain, moving = ((kernels.keras_centered_rmsprop, kernels.centered_rmsprop) if centered
                         else (kernels.keras_rmsprop, kernels.rmsprop))
        self._update = moving if self._moves else plain

    def _slot_values(self):
        mean = {"mg": 0.0} if self.centered else {}
        return {"rms": 0.0, **mean, **({"momentum": 0.0} if self._moves else {})}

    def _constants(self):
        keep = (self._number("momentum"),) if self._moves else ()
        return self._rate(), 1.0 - self._number("rho"), *keep, self.epsilon

    def _apply_sparse(self, rows, g, variable, slots, constants):
        # without momentum the mean squares of all rows decay, and rows of gradient 0 stay where they are
        apply = super()._apply_sparse if self._moves else self._apply_filled
        apply(rows, g, variable, slots, constants)

    def get_config(self):
        """The arguments that make such an optimizer."""
        return {**super().get_config(), "epsilon": self.epsilon, "centered": self.centered}


class Adagrad(Optimizer):
    """Adagrad: ``a += g**2; v -= learning_rate * g / (sqrt(a) + epsilon)``.

    Args:
        learning_rate: a number, variable, schedule or function.
        initial_accumulator_value: what a starts from; at least 0.
        epsilon: keeps the quotient finite.
        name: the optimizer's name.
        **kwargs: clipnorm, clipvalue, lr, decay; see `Optimizer`.

    The slot "accumulator" holds a.  Duchi, Hazan and Singer, Adaptive Subgradient Methods, JMLR 12, 2011.

    >>> import numbaflow as nf
    >>> v = nf.Variable(1.0)
    >>> nf.keras.optimizers.Adagrad(1.0, 3.0).apply_gradients([(nf.constant(1.0), v)])
    >>> v.numpy().round(4)
    np.float32(0.5)
    """

    _update = kernels.adagrad

    def __init__(self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=EPSILON, name="Adagrad",
                 **kwargs):
        if initial_accumulator_value < 0.0:
            raise ValueError(f"initial_accumulator_value must be non-negative: {initial_accumulator_value}")
        super().__init__(name, learning_rate, **kwargs)
        self._initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon or EPSILON

    def _slot_values(self):
        return {"accumulator": self._initial_accumulator_value}

    def _constants(self):
        return self._rate(), self.epsilon

    def get_config(self):
        """The arguments that make such an optimizer."""
        return {**super().get_config(), "initial_accumulator_value": self._initial_accumulator_value,
                "epsilon": self.epsilon}


class Adadelta(Optimizer):
    """Adadelta: steps as long as earlier ones were, over the root of the gradients' running mean square.

    Args:
        learning_rate, rho: numbers, variables or functions.
        epsilon: keeps the quotient finite.
        name: the optimizer's name.
        **kwargs: clipnorm, clipvalue, lr, decay; see `Optimizer`.

    The rule is that of `train.AdadeltaOptimizer`; the slots are "accum_grad" and "accum_var".  Zeiler,
    ADADELTA: An Adaptive Learning Rate Method, arXiv:1212.5701, 2012.

    >>> import numbaflow as nf
    >>> v = nf.Variable(1.0)
    >>> nf.keras.optimizers.Adadelta(1.0, rho=0.5, epsilon=1.0).apply_gradients([(nf.constant(4.0), v)])
    >>> v.numpy().round(4)
    np.float32(-0.3333)
    """

    rho = Hyper("rho")
    _hyper_names = ("rho",)
    _update = kernels.adadelta

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=EPSILON, name="Adadelta", **kwargs):
        super().__init__(name, learning_rate, **kwargs)
        self._set_hyper("rho", rho)
        self.epsilon = epsilon or EPSILON

    def _slot_values(self):
        return {"accum_grad": 0.0, "accum_var": 0.0}

    def _constants(self):
        return self._rate(), 1.0 - self._number("rho"), self.epsilon

    def get_config(self):
        """The arguments that make such an optimizer."""
        return {**super().get_config(), "epsilon": self.epsilon}


class Ftrl(Optimizer):
    """FTRL-proximal: a parameter is the minimum of all gradients so far with penalties, often exactly 0.

    Args:
        learning_rate: a number, variable, schedule or function.
        learning_rate_power, initial_accumulator_value, l1_regularization_strength,
            l2_regularization_strength, l2_shrinkage_regularization_strength: as in `train.FtrlOptimizer`.
        name: the optimizer's name.
        **kwargs: clipnorm, clipvalue, lr, decay; see `Optimizer`.

    The slots are "accumulator" and "linear".  McMahan et al., Ad Click Prediction: a View from the Trenches,
    KDD 2013.

    >>> import numbaflow as nf
    >>> v = nf.Variable([0.0, 0.0])
    >>> ftrl = nf.keras.optimizers.Ftrl(1.0, l1_regularization_strength=1.0)
    >>> ftrl.apply_gradients([(nf.constant([3.0, 0.5]), v)])
    >>> v.numpy().round(4)
    array([-0.663,  0.   ], dtype=float32)
    """

    _hyper_names = ("learning_rate_power", "l1_regularization_strength", "l2_regularization_strength")
    learning_rate_power = Hyper("learning_rate_power")
    l1_regularization_strength = Hyper("l1_regularization_strength")
    l2_regularization_strength = Hyper("l2_regularization_strength")
    _update = kernels.ftrl_power

    def __init__(self, learning_rate=0.001, learning_rate_power=-0.5, initial_accumulator_value=0.1,
                 l1_regularization_strength=0.0, l2_regularization_strength=0.0, name="Ftrl",
                 l2_shrinkage_regularization_strength=0.0, **kwargs):
        check_ftrl(initial_accumulator_value, learning_rate_power, l1_regularization_strength,
                   l2_regularization_strength, l2_shrinkage_regularization_strength)
        super().__init__(name, learning_rate, **kwargs)
        self._set_hyper("learning_rate_power", learning_rate_power)
        self._set_hyper("l1_regularization_strength", l1_regularization_strength)
        self._set_hyper("l2_regularization_strength", l2_regularization_strength)
        self._initial_accumulator_value = initial_accumulator_value
        self._shrinkage = l2_shrinkage_regularization_strength

    def _slot_values(self):
        return {"accumulator": self._initial_accumulator_value, "linear": 0.0}

    def _constants(self):
        constants = (self._rate(), self._number("l1_regularization_strength"),
                     2.0 * self._number("l2_regularization_strength"), 2.0 * self._shrinkage)
        power = -self._number("learning_rate_power")
        root = not isinstance(power, Tensor) and power == 0.5
        self._update = kernels.ftrl if root else kernels.ftrl_power
        return constants if root else (*constants, power)

    def get_config(self):
        """The arguments that make such an optimizer."""
        return {**super().get_config(), "initial_accumulator_value": self._initial_accumulator_value,
                "l2_shrinkage_regularization_strength": self._shrinkage}
