"""`tf.contrib.eager`: the guide's names for what stands at the top of numbaflow."""
from ..core.context import executing_eagerly, list_devices, num_gpus
from ..core.custom_gradient import custom_gradient
from ..core.functional import (
    gradients_function,
    implicit_gradients,
    implicit_value_and_gradients,
    value_and_gradients_function,
)
from ..core.gradient_tape import GradientTape
from ..core.variable import Variable
from ..ops.variable_scope import EagerVariableStore, make_template

in_eager_mode = executing_eagerly

__all__ = [
    "EagerVariableStore",
    "GradientTape",
    "Variable",
    "custom_gradient",
    "executing_eagerly",
    "gradients_function",
    "implicit_gradients",
    "implicit_value_and_gradients",
    "in_eager_mode",
    "list_devices",
    "make_template",
    "num_gpus",
    "value_and_gradients_function",
]
