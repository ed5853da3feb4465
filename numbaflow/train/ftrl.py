"""Follow the regularized leader (McMahan et al., 2013)."""
from numbaflow.kernels import optimizers as kernels

from .optimizer import Optimizer, number


class FtrlOptimizer(Optimizer):
    """FTRL-proximal: a parameter is the minimum of all gradients so far with penalties, often exactly 0.

    ``n = a + g**2; z += g + 2 * l2_shrinkage * v - (n**p - a**p) / learning_rate * v; a = n``, then v is 0
    where |z| <= l1 and else ``(sign(z) * l1 - z) / (n**p / learning_rate + 2 * l2)``; p is
    -learning_rate_power.

    Args:
        learning_rate: a number, tensor, variable or function.
        learning_rate_power: at most 0; -0.5 makes steps fall with the root of a.
        initial_accumulator_value: what a starts from; at least 0.
        l1_regularization_strength, l2_regularization_strength: l1 and l2, at least 0.
        use_locking: ignored.
        name: the optimizer's name.
        accum_name, linear_name: what the slots' variables are called by in place of the optimizer's name.
        l2_shrinkage_regularization_strength: the weight of a penalty on the parameter before the step, at
            least 0.

    The slots "accum" and "linear" hold a and z.  McMahan et al., Ad Click Prediction: a View from the
    Trenches, KDD 2013.

    Raises:
        ValueError: a number outside its range.

    >>> import numbaflow as nf
    >>> v = nf.Variable([0.0, 0.0])
    >>> ftrl = nf.train.FtrlOptimizer(1.0, l1_regularization_strength=1.0)
    >>> ftrl.apply_gradients([(nf.constant([3.0, 0.5]), v)])
    >>> v.numpy().round(4)
    array([-0.663,  0.   ], dtype=float32)
    """

    def __init__(self, learning_rate, learning_rate_power=-0.5, initial_accumulator_value=0.1,
                 l1_regularization_strength=0.0, l2_regularization_strength=0.0, use_locking=False,
                 name="Ftrl", accum_name=None, linear_name=None, l2_shrinkage_regularization_strength=0.0):
        super().__init__(use_locking, name)
        check(initial_accumulator_value, learning_rate_power, l1_regularization_strength,
              l2_regularization_strength, l2_shrinkage_regularization_strength)
        self._learning_rate, self._power = learning_rate, -float(learning_rate_power)
        self._initial_accumulator_value = initial_accumulator_value
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength
        self._shrinkage = l2_shrinkage_regularization_strength
        self._labels = {"accum": accum_name, "linear": linear_name}
        self._update = kernels.ftrl if self._power == 0.5 else kernels.ftrl_power

    def _slot_values(self):
        return {"accum": self._initial_accumulator_value, "linear": 0.0}

    def _slot_variable_name(self, variable, slot, position):
        label = self._labels[slot]
        return f"{variable._name}/{label}" if label else super()._slot_variable_name(variable, slot, position)

    def _constants(self):
        constants = (number(self._learning_rate), number(self._l1), 2.0 * number(self._l2),
                     2.0 * number(self._shrinkage))
        return constants if self._power == 0.5 else (*constants, self._power)


def check(initial, power, l1, l2, shrinkage):
    """ValueError for hyper-parameters out of their ranges."""
    if initial < 0.0:
        raise ValueError(f"initial_accumulator_value {initial} needs to be positive or zero")
    if power > 0.0:
        raise ValueError(f"learning_rate_power {power} needs to be negative or zero")
    for name, value in (("l1", l1), ("l2", l2), ("l2_shrinkage", shrinkage)):
        if value < 0.0:
            raise ValueError(f"{name}_regularization_strength {value} needs to be positive or zero")
