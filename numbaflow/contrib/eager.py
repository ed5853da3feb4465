"""`tf.contrib.eager`: the guide's names for what stands at the top of numbaflow."""
from .. import metrics
from ..core.callbacks import (
    ExecutionCallback,
    InfOrNanError,
    add_execution_callback,
    clear_execution_callbacks,
    errstate,
    inf_callback,
    inf_nan_callback,
    nan_callback,
    seterr,
)
from ..core.context import (
    ASYNC,
    DEVICE_PLACEMENT_EXPLICIT,
    DEVICE_PLACEMENT_SILENT,
    DEVICE_PLACEMENT_SILENT_FOR_INT32,
    DEVICE_PLACEMENT_WARN,
    SYNC,
    async_clear_error,
    async_wait,
    enable_eager_execution,
    executing_eagerly,
    execution_mode,
    set_execution_mode,
)
from ..core.custom_gradient import custom_gradient
from ..core.device import list_devices, num_gpus
from ..core.functional import (
    gradients_function,
    implicit_gradients,
    implicit_value_and_gradients,
    value_and_gradients_function,
)
from ..core.gradient_tape import GradientTape
from ..core.trackable import Trackable as Checkpointable
from ..core.variable import Variable
from ..data.iterator import Iterator
from ..graph.flow.host import py_function as py_func
from ..graph.function import TensorSpec, function
from ..ops.variable_scope import EagerVariableStore, make_template
from ..train.checkpoint import Checkpoint
from ..train.saver import Saver, get_optimizer_variables

defun = function
in_eager_mode = executing_eagerly

__all__ = [
    "ASYNC",
    "DEVICE_PLACEMENT_EXPLICIT",
    "DEVICE_PLACEMENT_SILENT",
    "DEVICE_PLACEMENT_SILENT_FOR_INT32",
    "DEVICE_PLACEMENT_WARN",
    "SYNC",
    "Checkpoint",
    "Checkpointable",
    "EagerVariableStore",
    "ExecutionCallback",
    "GradientTape",
    "InfOrNanError",
    "Iterator",
    "Saver",
    "TensorSpec",
    "Variable",
    "add_execution_callback",
    "async_clear_error",
    "async_wait",
    "clear_execution_callbacks",
    "custom_gradient",
    "defun",
    "enable_eager_execution",
    "errstate",
    "executing_eagerly",
    "execution_mode",
    "function",
    "get_optimizer_variables",
    "gradients_function",
    "implicit_gradients",
    "implicit_value_and_gradients",
    "in_eager_mode",
    "inf_callback",
    "inf_nan_callback",
    "list_devices",
    "make_template",
    "metrics",
    "nan_callback",
    "num_gpus",
    "py_func",
    "set_execution_mode",
    "seterr",
    "value_and_gradients_function",
]
