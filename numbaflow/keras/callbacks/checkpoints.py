"""ModelCheckpoint: a model saved while it trains."""
import os

from numbaflow.train import latest_checkpoint

from .base import Callback
from .monitor import Monitor


class ModelCheckpoint(Callback):
    """Saves the model or its weights after epochs, or each time so many examples were seen.

    Args:
        filepath: where to; ``{epoch}`` (from 1) and the names of the logs' values are filled in, as in
            ``"out/weights-{epoch:02d}-{val_loss:.2f}"``.
        monitor: the name of the value that `save_best_only` goes by.
        verbose: 1 prints what is saved.
        save_best_only: save only when that value is the best so far.
        save_weights_only: `Model.save_weights` instead of `Model.save`.
        mode: "min", "max", or "auto", which goes by the name.
        save_freq: "epoch", or after how many examples to save.
        load_weights_on_restart: begin training with the latest weights in the folder of `filepath`, if any.
        period: save after every so many epochs.

    Raises:
        ValueError: an unknown mode or save_freq.
        KeyError: `filepath` names a value that is not in the logs.
    """

    def __init__(self, filepath, monitor="val_loss", verbose=0, save_best_only=False, save_weights_only=False,
                 mode="auto", save_freq="epoch", load_weights_on_restart=False, period=1):
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise ValueError("ModelCheckpoint: save_freq is 'epoch' or a number of examples, got "
                             f"{save_freq!r}")
        self.filepath, self.monitor, self.verbose = os.fspath(filepath), monitor, verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq, self.period, self.load_weights_on_restart = save_freq, period, load_weights_on_restart
        self._watched = Monitor(monitor, mode, owner="ModelCheckpoint")
        self.best = self._watched.worst
        self._seen, self._epochs, self._epoch = 0, 0, 0

    def on_train_begin(self, logs=None):
        if self.load_weights_on_restart:
            latest = latest_checkpoint(os.path.dirname(self.filepath) or ".")
            if latest is not None:
                self.model.load_weights(latest)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_batch_end(self, batch, logs=None):
        self._seen += (logs or {}).get("size", 1)
        if self._seen >= self.save_freq:
            self._seen = 0
            self._save(logs or {})

    def _wants_batch(self, batch):
        return self.save_freq != "epoch"

    def on_epoch_end(self, epoch, logs=None):
        self._epochs += 1
        if self.save_freq == "epoch" and self._epochs >= self.period:
            self._epochs = 0
            self._save(logs or {})

    def _save(self, logs):
        if self.save_best_only:
            value = self._watched.value(logs)
            if value is None or not self._watched.better(value, self.best):
                return
            self.best = value
        path = self._path(logs)
        if self.verbose:
            print(f"Epoch {self._epoch + 1}: saving to {path}")
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def _path(self, logs):
        try:
            return self.filepath.format(epoch=self._epoch + 1, **logs)
        except KeyError as error:
            raise KeyError(f"ModelCheckpoint: {self.filepath!r} names {error.args[0]!r}, which is not among "
                           f"epoch, {', '.join(sorted(logs))}") from None
