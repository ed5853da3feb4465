"""Callbacks that end a training run."""
from math import isfinite

from .base import Callback
from .monitor import Monitor


class EarlyStopping(Callback):
    """Ends training when a value gets no better.

    Args:
        monitor: the value's name in the logs.
        min_delta: what it must get better by to count.
        patience: the number of epochs in a row without that after which training ends.
        verbose: 1 prints when it does.
        mode: "min", "max", or "auto", which goes by the name.
        baseline: what the value must be better than to begin with.
        restore_best_weights: end with the weights of the best epoch, not of the last.
    """

    def __init__(self, monitor="val_loss", min_delta=0, patience=0, verbose=0, mode="auto", baseline=None,
                 restore_best_weights=False):
        self.monitor, self.patience, self.verbose = monitor, patience, verbose
        self.baseline, self.restore_best_weights = baseline, restore_best_weights
        self._watched = Monitor(monitor, mode, min_delta, "EarlyStopping")
        self._start()

    def _start(self):
        self.wait = self.stopped_epoch = 0
        self.best = self._watched.worst if self.baseline is None else self.baseline
        self.best_weights = None

    def on_train_begin(self, logs=None):
        self._start()

    def on_epoch_end(self, epoch, logs=None):
        value = self._watched.value(logs)
        if value is None:
            return
        if self._watched.better(value, self.best):
            self.best, self.wait = value, 0
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            return
        self.wait += 1
        if self.wait >= self.patience:
            self._stop(epoch)

    def _stop(self, epoch):
        self.stopped_epoch, self.model.stop_training = epoch, True
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)
        if self.verbose:
            print(f"Epoch {epoch + 1}: early stopping")


class TerminateOnNaN(Callback):
    """Ends training at the first batch whose loss is NaN or infinite."""

    def on_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not isfinite(loss):
            print(f"Batch {batch}: the loss is {loss}, training ends")
            self.model.stop_training = True
