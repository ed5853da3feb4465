"""Whole models in one file: a checkpoint that also says, as text, what the model and its training are.

The file is a checkpoint of the model like that of `save_weights`, with one more value, so that `load_weights`
reads it too.
"""
import json
import logging
import os

import numpy as np

from numbaflow.core.errors import DataLossError
from numbaflow.core.trackable import Trackable
from numbaflow.keras import losses, metrics, optimizers
from numbaflow.train.checkpoint_reader import CheckpointReader

from .configuration import _plain, of_layer, to_layer
from .saving import check_path, write_checkpoint

_log = logging.getLogger("numbaflow")
_NAME, _ATTRIBUTE = "keras_model", "TEXT"
_KEY = f"{_NAME}/.ATTRIBUTES/{_ATTRIBUTE}"


class _Text(Trackable):
    """Text as a value of a checkpoint."""

    def __init__(self, text):
        self._text = text

    def _saved_values(self):
        return {_ATTRIBUTE: np.frombuffer(self._text.encode(), np.uint8)}


class _Root(Trackable):
    """Stands for a model as the root of a file, with a text among the children."""

    def __init__(self, model, text, with_optimizer):
        self._parts = {name: child for name, child in model._children().items()
                       if with_optimizer or name != "optimizer"}
        self._parts[_NAME] = _Text(text)

    def _children(self):
        return self._parts


def save_model(model, filepath, overwrite=True, include_optimizer=True, save_format=None):
    """Save a whole model: its configuration, its weights, and how it is trained with the optimizer's state.

    Args:
        model: a sequential or functional model.
        filepath, overwrite, save_format: as for `Model.save_weights`.
        include_optimizer: False leaves out how it is trained.

    Raises:
        NotImplementedError: a model that is a class of its own, or HDF5.
        ValueError: as for `Model.save_weights`.
    """
    path = check_path(model, filepath, overwrite, save_format, "save")
    try:
        described = {"model": of_layer(model), "training": _training(model) if include_optimizer else None}
    except NotImplementedError as error:
        raise NotImplementedError(f"save: {error}.  Make the model anew with its own code, and use "
                                  "save_weights and load_weights") from error
    write_checkpoint(_Root(model, json.dumps(described, default=_plain), include_optimizer), path)


def load_model(filepath, custom_objects=None, compile=True):
    """The model of a file that `Model.save` wrote.

    Args:
        filepath: what `save` was given.
        custom_objects: name -> class or function, for layers, losses and the like of your own.
        compile: False leaves the model as it is before `compile`.

    Raises:
        NotFoundError: there is no such file.
        DataLossError: a file that is damaged, or holds no whole model.
        ValueError: an unknown name in it; see `custom_objects`.

    >>> import numpy as np, tempfile
    >>> import numbaflow as nf
    >>> model = nf.keras.Sequential([nf.keras.layers.Dense(3, input_shape=(4,))])
    >>> model.compile("adam", "mse")
    >>> path = tempfile.mkdtemp() + "/model"
    >>> model.save(path)
    >>> other = nf.keras.models.load_model(path)
    >>> np.array_equal(model.predict(np.ones((2, 4))), other.predict(np.ones((2, 4))))
    True
    """
    path = os.fspath(filepath)
    reader = CheckpointReader(path)
    if not reader.has_tensor(_KEY):
        raise DataLossError(f"load_model: {path} holds no whole model; was it saved with save_weights?  Then "
                            "make the model and use load_weights")
    described = json.loads(reader.get_tensor(_KEY).tobytes().decode())
    model = to_layer(described["model"], custom_objects)
    if compile and described["training"]:
        model.compile(**_compiled(described["training"], custom_objects))
    model.load_weights(path).expect_partial()
    return model


# ---- how a model is trained
def _training(model):
    """The arguments of `compile` as plain values; None where there are none, or some have no name."""
    objective = model.__dict__.get("_objective")
    if objective is None:
        return None
    try:
        return {"optimizer": _named(model.optimizer, optimizers.serialize),
                "loss": _named(objective._loss, losses.serialize),
                "metrics": _named(objective._metrics, metrics.serialize),
                "weighted_metrics": _named(objective._weighted, metrics.serialize),
                "loss_weights": objective._loss_weights}
    except ValueError as error:
        _log.warning("%s is saved without how it is trained: %s.  Compile it anew when it is loaded",
                     model.name, error)
        return None


def _named(given, serialize):
    """A structure with each object as its name or config; ValueError for one without."""
    if isinstance(given, dict):
        return {key: _named(part, serialize) for key, part in given.items()}
    if isinstance(given, (list, tuple)):
        return [_named(part, serialize) for part in given]
    made = serialize(given)
    if made == "<lambda>":
        raise ValueError("a lambda has no name to find it by")
    return made


def _compiled(described, custom_objects):
    """The arguments of `compile` again."""
    def found(given, get):
        if isinstance(given, dict) and "class_name" not in given:
            return {key: found(part, get) for key, part in given.items()}
        if isinstance(given, list):
            return [found(part, get) for part in given]
        own = isinstance(given, dict) or given in (custom_objects or {})
        return get(given, custom_objects) if own else given
    return {**described,
            "optimizer": found(described["optimizer"], optimizers.deserialize),
            "loss": found(described["loss"], losses.deserialize),
            "metrics": found(described["metrics"], metrics.deserialize),
            "weighted_metrics": found(described["weighted_metrics"], metrics.deserialize)}
