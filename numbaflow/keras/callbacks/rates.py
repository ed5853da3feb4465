"""Callbacks that change the learning rate between epochs."""
import inspect

from numbaflow.core.variable import Variable

from .base import Callback
from .monitor import Monitor


def _attribute(optimizer):
    for name in ("learning_rate", "lr"):
        if hasattr(optimizer, name):
            return name
    raise ValueError(f"{type(optimizer).__name__} has no learning rate to change (no attribute "
                     "`learning_rate` or `lr`); use an optimizer of nf.keras.optimizers")


def learning_rate(optimizer):
    """An optimizer's learning rate as a float; ValueError where it follows a schedule of its own."""
    rate = getattr(optimizer, _attribute(optimizer))
    if callable(rate):
        raise ValueError(f"the learning rate of {type(optimizer).__name__} is a function or schedule; a "
                         "callback can change a number only")
    return float(rate)


def set_learning_rate(optimizer, rate):
    """Change an optimizer's learning rate."""
    name = _attribute(optimizer)
    held = getattr(optimizer, name)
    if isinstance(held, Variable):
        held.assign(rate)
    else:
        setattr(optimizer, name, rate)


class LearningRateScheduler(Callback):
    """Sets the learning rate of each epoch.

    Args:
        schedule: a function of the epoch, from 0, or of (epoch, the learning rate until now), that gives the
            learning rate.
        verbose: 1 prints it.

    The logs of an epoch get it as "lr".
    """

    def __init__(self, schedule, verbose=0):
        self.schedule, self.verbose = schedule, verbose
        self._takes_rate = _positional(schedule) > 1

    def on_epoch_begin(self, epoch, logs=None):
        optimizer = self.model.optimizer
        now = learning_rate(optimizer)
        rate = self.schedule(epoch, now) if self._takes_rate else self.schedule(epoch)
        try:
            rate = float(rate)
        except (TypeError, ValueError):
            raise ValueError("LearningRateScheduler: the schedule should give a number, got "
                             f"{rate!r} for epoch {epoch}") from None
        set_learning_rate(optimizer, rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate {rate:.6g}")

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["lr"] = learning_rate(self.model.optimizer)


def _positional(function):
    """The number of arguments that a function takes by place."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 2
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


class ReduceLROnPlateau(Callback):
    """Lowers the learning rate when a value gets no better.

    Args:
        monitor: the value's name in the logs.
        factor: what the learning rate is multiplied by, below 1.
        patience: the number of epochs in a row without getting better after which it is.
        verbose: 1 prints when it is.
        mode: "min", "max", or "auto", which goes by the name.
        min_delta: what the value must get better by to count.
        cooldown: the number of epochs after a change in which none counts.
        min_lr: what the learning rate does not go below.

    The logs of an epoch get the learning rate as "lr".

    Raises:
        ValueError: a factor of 1 or more.
    """

    def __init__(self, monitor="val_loss", factor=0.1, patience=10, verbose=0, mode="auto", min_delta=1e-4,
                 cooldown=0, min_lr=0, epsilon=None):
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau: a factor below 1.0 is expected, got {factor}")
        self.monitor, self.factor, self.patience, self.verbose = monitor, factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self._watched = Monitor(monitor, mode, min_delta if epsilon is None else epsilon, "ReduceLROnPlateau")
        self._start()

    def _start(self):
        self.best, self.wait, self.cooldown_counter = self._watched.worst, 0, 0

    def on_train_begin(self, logs=None):
        self._start()

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        value = self._watched.value(logs)
        logs["lr"] = learning_rate(self.model.optimizer)
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._watched.better(value, self.best):
            self.best, self.wait = value, 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch):
        optimizer = self.model.optimizer
        now = learning_rate(optimizer)
        if now <= self.min_lr:
            return
        rate = max(now * self.factor, self.min_lr)
        set_learning_rate(optimizer, rate)
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            print(f"Epoch {epoch + 1}: the learning rate goes from {now:.6g} to {rate:.6g}")
