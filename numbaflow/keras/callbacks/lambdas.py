"""LambdaCallback: a callback of functions."""
from .base import Callback


class LambdaCallback(Callback):
    """Calls the functions given at the hooks they are named after.

    Args:
        on_epoch_begin, on_epoch_end: functions of (epoch, logs).
        on_batch_begin, on_batch_end: functions of (batch, logs).
        on_train_begin, on_train_end: functions of (logs).
        **kwargs: functions for the other hooks of `Callback`.

    Raises:
        TypeError: the name of no hook.

    >>> import numbaflow as nf
    >>> shout = nf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print("end of", epoch))
    >>> shout.on_epoch_end(3, {})
    end of 3
    """

    def __init__(self, on_epoch_begin=None, on_epoch_end=None, on_batch_begin=None, on_batch_end=None,
                 on_train_begin=None, on_train_end=None, **kwargs):
        given = {"on_epoch_begin": on_epoch_begin, "on_epoch_end": on_epoch_end,
                 "on_batch_begin": on_batch_begin, "on_batch_end": on_batch_end,
                 "on_train_begin": on_train_begin, "on_train_end": on_train_end, **kwargs}
        for hook, function in given.items():
            if not (hook.startswith("on_") and hasattr(Callback, hook)):
                raise TypeError(f"LambdaCallback: there is no hook {hook!r}")
            if function is not None:
                setattr(self, hook, function)
