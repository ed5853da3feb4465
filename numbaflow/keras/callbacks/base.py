"""Callback, whose hooks a training loop calls, and CallbackList, which calls those of several.

A hook of a batch costs nothing where nobody has it: the list keeps, for each, who does.
"""


class Callback:
    """Something that is told what a training loop does; every hook does nothing until a subclass says.

    Attributes:
        model: the model that is trained.
        params: a dict of what was asked for: "batch_size", "epochs", "steps", "samples", "verbose",
            "do_validation", "metrics".

    `logs` is a dict of floats: for an epoch its loss and metrics, those of validation as "val_...", for a
    batch also its number as "batch" and its examples as "size".  Setting ``self.model.stop_training = True``
    ends the training after the batch or epoch.

    >>> import numpy as np
    >>> import numbaflow as nf
    >>> class Shout(nf.keras.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(f"epoch {epoch}: {logs['loss']:.2f}")
    >>> model = nf.keras.Sequential([nf.keras.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile("sgd", "mse")
    >>> _ = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=[Shout()])
    epoch 0: 1.00
    epoch 1: 0.92
    """

    model = None
    params = None
    validation_data = None

    def set_params(self, params):
        """Told what was asked for."""
        self.params = params

    def set_model(self, model):
        """Told which model it is about."""
        self.model = model

    def on_train_begin(self, logs=None):
        """Training begins."""

    def on_train_end(self, logs=None):
        """Training has ended."""

    def on_epoch_begin(self, epoch, logs=None):
        """An epoch begins; they are counted from 0."""

    def on_epoch_end(self, epoch, logs=None):
        """An epoch has ended, validation included; `logs` may be added to."""

    def on_batch_begin(self, batch, logs=None):
        """A batch of training begins."""

    def on_batch_end(self, batch, logs=None):
        """A batch of training has ended."""

    def on_train_batch_begin(self, batch, logs=None):
        """A batch of training begins; calls `on_batch_begin`."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        """A batch of training has ended; calls `on_batch_end`."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs=None):
        """Evaluation or validation begins."""

    def on_test_end(self, logs=None):
        """Evaluation or validation has ended."""

    def on_test_batch_begin(self, batch, logs=None):
        """A batch of evaluation or validation begins."""

    def on_test_batch_end(self, batch, logs=None):
        """A batch of evaluation or validation has ended."""

    def on_predict_begin(self, logs=None):
        """Prediction begins."""

    def on_predict_end(self, logs=None):
        """Prediction has ended."""

    def on_predict_batch_begin(self, batch, logs=None):
        """A batch of prediction begins."""

    def on_predict_batch_end(self, batch, logs=None):
        """A batch of prediction has ended."""

    def _release(self):
        """Let go of files and the like: all is done, or it broke off."""


_BATCH_HOOKS = {
    "on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end",
    "on_test_batch_begin": None, "on_test_batch_end": None,
    "on_predict_batch_begin": None, "on_predict_batch_end": None,
}


def _has(callback, hook):
    """Whether a callback does something at a hook: it is not the empty one of Callback."""
    own = getattr(callback, hook)
    return getattr(own, "__func__", own) is not getattr(Callback, hook)


class CallbackList:
    """Several callbacks, called in order; it has their hooks itself."""

    def __init__(self, callbacks=None):
        self.callbacks, self.params = list(callbacks or []), {}
        self._find()

    def _find(self):
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks: a keras.callbacks.Callback is expected, got {callback!r}")
        self._hearing = {
            hook: [c for c in self.callbacks if _has(c, hook) or (also and _has(c, also))]
            for hook, also in _BATCH_HOOKS.items()}

    def __iter__(self):
        return iter(self.callbacks)

    def close(self):
        """Have all let go of what they hold, after the end or when it broke off."""
        for callback in self.callbacks:
            callback._release()

    def append(self, callback):
        """Add one at the end."""
        self.callbacks.append(callback)
        self._find()

    def set_params(self, params):
        """Tell all what was asked for."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model):
        """Tell all which model it is about."""
        for callback in self.callbacks:
            callback.set_model(model)

    def hears(self, hook):
        """Whether anybody has that hook of a batch."""
        return bool(self._hearing[hook])

    def call_batch_end(self, hook, batch, make_logs):
        """Call a hook for the end of a batch.

        `make_logs(running)` gives the logs, with the loss of the batch or its mean until now.  It is asked
        only if anybody wants them: a callback may have a method `_wants_batch(batch)`, and `_wants_means`.
        """
        made = {}
        for callback in self._hearing[hook]:
            wants = getattr(callback, "_wants_batch", None)
            if wants is None or wants(batch):
                running = getattr(callback, "_wants_means", False)
                if running not in made:
                    made[running] = make_logs(running)
                getattr(callback, hook)(batch, made[running])


def _forward(hook):
    def call(self, *args):
        for callback in self._hearing.get(hook, self.callbacks):
            getattr(callback, hook)(*args)
    call.__name__, call.__doc__ = hook, getattr(Callback, hook).__doc__
    return call


for _hook in [name for name in vars(Callback) if name.startswith("on_")]:
    setattr(CallbackList, _hook, _forward(_hook))
