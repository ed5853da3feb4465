"""The mode and the options of the process.  Execution is eager, and an op has run when it returns.

What TensorFlow's programs set up at their start is checked here, so that a mistake in it is seen.
"""
import contextlib
import threading
import warnings

from .errors import InvalidArgumentError
from .tape import stack

__all__ = [
    "ASYNC",
    "DEVICE_PLACEMENT_EXPLICIT",
    "DEVICE_PLACEMENT_SILENT",
    "DEVICE_PLACEMENT_SILENT_FOR_INT32",
    "DEVICE_PLACEMENT_WARN",
    "SYNC",
    "ConfigProto",
    "async_clear_error",
    "async_wait",
    "disable_eager_execution",
    "enable_eager_execution",
    "executing_eagerly",
    "execution_mode",
    "set_execution_mode",
]

DEVICE_PLACEMENT_EXPLICIT, DEVICE_PLACEMENT_WARN = 0, 1
DEVICE_PLACEMENT_SILENT, DEVICE_PLACEMENT_SILENT_FOR_INT32 = 2, 3
SYNC, ASYNC = 0, 1


class ConfigProto:
    """Options for `enable_eager_execution`: any names, nested at will; numbaflow reads none of them.

    >>> import numbaflow as nf
    >>> config = nf.ConfigProto(intra_op_parallelism_threads=2)
    >>> config.gpu_options.allow_growth = True
    >>> config
    ConfigProto(intra_op_parallelism_threads=2, gpu_options=ConfigProto(allow_growth=True))
    """

    def __init__(self, **options):
        vars(self).update(options)

    def __getattr__(self, name):
        if name.startswith("__"):               # what copy and pickle ask for
            raise AttributeError(name)
        vars(self)[name] = made = ConfigProto()
        return made

    def __eq__(self, other):
        return vars(self) == vars(other) if isinstance(other, ConfigProto) else NotImplemented

    __hash__ = None         # type: ignore[assignment]

    def __repr__(self):
        return f"ConfigProto({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


# ---- the start of a program
_lock = threading.Lock()
_active: dict = {}              # the options that the first call of enable_eager_execution set
_DEFAULTS = {"config": None, "device_policy": DEVICE_PLACEMENT_SILENT, "execution_mode": SYNC}


def enable_eager_execution(config=None, device_policy=None, execution_mode=None):
    """Check and keep the options of the program; execution is eager with and without it.

    Args:
        config: a ConfigProto; nothing in it is used.
        device_policy: one of ``tfe.DEVICE_PLACEMENT_*``.
        execution_mode: ``tfe.SYNC`` or ``tfe.ASYNC``; ops run as they are called in both.

    Raises:
        TypeError: a config that is no ConfigProto.
        ValueError: an unknown policy or mode, or options that are not those of an earlier call.

    >>> import numbaflow as nf
    >>> nf.enable_eager_execution()
    >>> nf.executing_eagerly()
    True
    """
    if config is not None and not isinstance(config, ConfigProto):
        raise TypeError(f"config must be a tf.ConfigProto, but got {type(config)}")
    if device_policy not in (None, 0, 1, 2, 3):
        raise ValueError("device_policy must be one of None, tf.contrib.eager.DEVICE_PLACEMENT_*")
    if execution_mode not in (None, SYNC, ASYNC):
        raise ValueError("execution_mode must be one of None, tf.contrib.eager.SYNC, tf.contrib.eager.ASYNC")
    given = {"config": config, "device_policy": device_policy, "execution_mode": execution_mode}
    given = {option: value for option, value in given.items() if value is not None}
    with _lock:
        if not _active:
            _active.update(_DEFAULTS | given)
        changed = {option: value for option, value in given.items() if value != _active[option]}
    if changed:
        raise ValueError("Trying to change the options of an active eager execution: "
                         + ", ".join(f"{option} is {_active[option]!r}, and {value!r} was given"
                                     for option, value in changed.items()))


def policy_refuses(op, k, expected, tensor):
    """InvalidArgumentError where the policy is that tensors are copied when the program says so only."""
    policy = _active.get("device_policy")
    if policy == DEVICE_PLACEMENT_WARN:
        warnings.warn(f"{op}: input #{k} is copied from {tensor.device} to {expected}", stacklevel=2)
    if policy == DEVICE_PLACEMENT_EXPLICIT:
        raise InvalidArgumentError(
            f"Tensors on conflicting devices: cannot compute {op} as input #{k} was expected to be on "
            f"{expected} but is actually on {tensor.device} (operation running on {expected}) Tensors can be "
            "copied explicitly using .gpu() or .cpu() methods, or transparently copied by using "
            "tf.enable_eager_execution(device_policy=tfe.DEVICE_PLACEMENT_SILENT). Copying tensors between "
            "devices may slow down your model")


def disable_eager_execution():
    """RuntimeError: execution is eager from the start to the end of a program."""
    raise RuntimeError("disable_eager_execution: numbaflow executes eagerly from the import on; "
                       "it can't be turned off")


def executing_eagerly():
    """Whether ops run as they are called: not inside a function that is traced, a graph or a session.

    >>> import numbaflow as nf
    >>> nf.executing_eagerly()
    True
    """
    return stack.frame[2] is None


# ---- synchronous and asynchronous execution: the words are taken, ops run as they are called in both
def set_execution_mode(mode):
    """Take a mode; ops run as they are called in each.

    Args:
        mode: ``tfe.SYNC``, ``tfe.ASYNC`` or None.

    Raises:
        ValueError: another mode.
    """
    if mode not in (None, SYNC, ASYNC):
        raise ValueError(f"Execution mode should be None/SYNC/ASYNC. Got {mode}")


def execution_mode(mode):
    """A context for which a mode is taken, as by `set_execution_mode`.

    >>> import numbaflow as nf
    >>> tfe = nf.contrib.eager
    >>> with tfe.execution_mode(tfe.ASYNC):
    ...     print(nf.constant(2.0) * 3.0)
    tf.Tensor(6.0, shape=(), dtype=float32)
    """
    set_execution_mode(mode)
    return contextlib.nullcontext()


def async_wait():
    """Wait for ops that were called: nothing to do, they have run."""


def async_clear_error():
    """Forget the error of an op that was called: nothing to do, it was raised where the op was called."""
