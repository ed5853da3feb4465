"""The loops over batches: training, evaluation, prediction, and one step of each.

What a batch costs beside its step is one fetch, a few sums of floats, and callbacks where there are any.
"""
import functools
import logging

import numpy as np

from numbaflow.core import nest
from numbaflow.core.gradient_tape import GradientTape
from numbaflow.core.placement import fetch
from numbaflow.ops.arithmetic import add_n

from .training_data import size_of

_log = logging.getLogger("numbaflow")


# ---- a step
def train_step(model, x, y, weights):
    """One step of the model's optimizer; returns [total loss, the losses of several outputs]."""
    objective = model._objective
    with GradientTape() as tape:
        outputs = model._outputs_for(x, True)
        arranged = objective.arranged(y, outputs, weights)
        total, each = _with_own_losses(model, *objective.losses(arranged))
    variables = model.trainable_variables
    if variables:
        gradients = tape.gradient(total, variables)
        model.optimizer.apply_gradients(zip(gradients, variables, strict=True))
    else:
        _warn_untrainable(model)
    objective.update_metrics(arranged)
    return [float(total), *map(float, each)] if objective._only is None else [float(total)]


def evaluate_step(model, x, y, weights):
    """The losses of a batch as the model stands, in inference mode."""
    objective = model._objective
    arranged = objective.arranged(y, model._outputs_for(x, False), weights)
    total, each = _with_own_losses(model, *objective.losses(arranged))
    objective.update_metrics(arranged)
    return [float(total), *map(float, each)] if objective._only is None else [float(total)]


def _with_own_losses(model, total, each):
    """The total with the losses of the model itself: of regularizers and add_loss."""
    own = model.losses
    if own:
        total = add_n([*own, total] if total is not None else own)
    if total is None:
        raise ValueError("there is nothing to make small: compile the model with a loss, or call add_loss")
    return total, each


def _warn_untrainable(model):
    if not model.__dict__.get("_warned_untrainable"):
        model.__dict__["_warned_untrainable"] = True
        _log.warning("%s has no trainable variables: training changes nothing", model.name)


# ---- running values
class Means:
    """The means of losses over the batches of a pass, each weighted by its examples."""

    def __init__(self):
        self._sums, self._count = None, 0

    def add(self, losses, size):
        """Take in the losses of a batch."""
        if self._sums is None:
            self._sums = [0.0] * len(losses)
        for k, value in enumerate(losses):
            self._sums[k] += value * size
        self._count += size

    def values(self):
        """The means."""
        return [total / self._count for total in self._sums or ()]


def _logs(model, losses, batch=None, size=None):
    """Logs of losses and of the metrics as they stand."""
    logs = {} if batch is None else {"batch": batch, "size": size}
    logs.update(zip(model.metrics_names, [*losses, *model._metric_results()], strict=True))
    return logs


def _batch_logs(model, means, losses, batch, size, running):
    return _logs(model, means.values() if running else losses, batch, size)


def _same(logs, running):
    return logs


# ---- passes over the data
def measured_pass(model, feed, callbacks, mode):
    """Train or test on the batches of one pass; returns the logs, {} where there was no batch."""
    step = train_step if mode == "train" else evaluate_step
    begin, end = f"on_{mode}_batch_begin", f"on_{mode}_batch_end"
    begins, ends = callbacks.hears(begin), callbacks.hears(end)
    model.reset_metrics()
    means, batch = Means(), -1
    for batch, (x, y, weights) in enumerate(feed.one_pass()):
        size = size_of(x)
        if begins:
            getattr(callbacks, begin)(batch, {"batch": batch, "size": size})
        losses = step(model, x, y, weights)
        means.add(losses, size)
        if ends:
            make_logs = functools.partial(_batch_logs, model, means, losses, batch, size)
            callbacks.call_batch_end(end, batch, make_logs)
        if mode == "train" and model.stop_training:
            break
    return _logs(model, means.values()) if batch >= 0 else {}


def fit_epochs(model, feed, callbacks, epochs, validate):
    """Train for the epochs in a range; `validate(epoch)` gives the logs of validation, if it is due."""
    model.stop_training = False
    callbacks.on_train_begin({})
    for epoch in epochs:
        callbacks.on_epoch_begin(epoch, {})
        logs = measured_pass(model, feed, callbacks, "train")
        if not logs:
            break
        callbacks.params["steps"] = feed.steps          # which the first pass over a stream tells
        logs.update(validate(epoch))
        callbacks.on_epoch_end(epoch, logs)
        feed.source.end_epoch()
        if model.stop_training or feed.ended:
            break
    callbacks.on_train_end({})


def evaluated_pass(model, feed, callbacks):
    """Evaluation by itself, with its callbacks; returns the logs."""
    callbacks.on_test_begin({})
    logs = measured_pass(model, feed, callbacks, "test")
    callbacks.on_test_end(logs)
    return logs


def predicted_pass(model, feed, callbacks):
    """The model's outputs for all batches, joined, in the structure of its outputs."""
    begins, ends = [callbacks.hears(f"on_predict_batch_{edge}") for edge in ("begin", "end")]
    callbacks.on_predict_begin({})
    joined = Joined(feed.source.samples)
    for batch, (x, _, _) in enumerate(feed.one_pass()):
        logs = {"batch": batch, "size": size_of(x)}
        if begins:
            callbacks.on_predict_batch_begin(batch, logs)
        joined.add(model._outputs_for(x, False))
        if ends:
            callbacks.call_batch_end("on_predict_batch_end", batch, functools.partial(_same, logs))
    callbacks.on_predict_end({})
    return joined.result()


class Joined:
    """Outputs of batches put one after another; where the number of examples is known, into one array."""

    def __init__(self, samples=None):
        self._samples, self._parts, self._structure, self._at = samples, None, None, 0

    def add(self, outputs):
        """Take in the outputs of a batch."""
        leaves = [fetch(t) for t in nest.flatten(outputs)]
        if self._parts is None:
            self._structure = outputs
            self._parts = [[] if self._samples is None else np.empty((self._samples, *a.shape[1:]), a.dtype)
                           for a in leaves]
        size = leaves[0].shape[0]
        for part, array in zip(self._parts, leaves, strict=True):
            if self._samples is None:
                part.append(array)
            else:
                part[self._at:self._at + size] = array
        self._at += size

    def result(self):
        """The arrays, in the structure of the outputs."""
        whole = self._parts if self._samples is not None else [np.concatenate(p) for p in self._parts]
        whole = [a[:self._at] for a in whole]
        return nest.pack(self._structure, whole) if nest.is_nested(self._structure) else whole[0]
