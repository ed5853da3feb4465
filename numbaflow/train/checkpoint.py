"""Checkpoint: a root that groups objects, saves them under running numbers and restores them."""
import os

import numpy as np

from numbaflow.core.device import CPU, device
from numbaflow.core.trackable import AutoTrackable
from numbaflow.core.variable import Variable

from .checkpoint_graph import write
from .checkpoint_restore import restore
from .checkpoint_state import record_state


class Checkpoint(AutoTrackable):
    """Groups trackable objects, saves their state to files and restores it.

    Args:
        **kwargs: objects under the names they are saved by: variables, optimizers, layers, models, metrics,
            iterators, lists, tuples and dicts of those.  More may be set as attributes later.

    Objects are matched by the names of attributes, not by the names of variables.  An object that can be
    reached in several ways is saved once.  A checkpoint is one file, ``<prefix>.safetensors``; it is written
    whole or not at all.

    Raises:
        ValueError: an object that can't be tracked.

    >>> import numbaflow as nf, tempfile
    >>> x, folder = nf.Variable(10.0), tempfile.mkdtemp()
    >>> checkpoint = nf.train.Checkpoint(x=x)
    >>> _ = x.assign(2.0)
    >>> checkpoint.save(folder + "/ckpt").removeprefix(folder)
    '/ckpt-1'
    >>> _ = x.assign(11.0)
    >>> status = checkpoint.restore(nf.train.latest_checkpoint(folder))
    >>> print(x)
    <tf.Variable 'Variable:0' shape=() dtype=float32, numpy=2.0>
    """

    def __init__(self, **kwargs):
        super().__init__()
        for name, value in sorted(kwargs.items()):
            setattr(self, name, value)
            if name not in self._children():
                raise ValueError("`Checkpoint` was expecting a trackable object (an object derived from "
                                 f"`Trackable`), got {value!r} for {name!r}. If you believe this object "
                                 "should be trackable, derive its class from "
                                 "nf.contrib.checkpoint.Checkpointable.")

    @property
    def save_counter(self):
        """The number of the latest `save`, a variable that is saved as well."""
        return self._counter()

    def _counter(self):
        made = self._children().get("save_counter")
        if made is None:
            with device(CPU):
                made = Variable(np.int64(0), trainable=False, name="save_counter")
            self._track(made, "save_counter")
        return made

    def save(self, file_prefix, session=None):
        """Save under the next number, record it in the folder's file `checkpoint`, and return the path.

        Args:
            file_prefix: the path without the number: ``"./ckpt/"`` gives ``"./ckpt/-1"``, then
                ``"./ckpt/-2"``.  Folders that are missing are made.

        Raises:
            TypeError: a value that can't be saved.
            OSError: a file that can't be written.  Nothing that was saved before is lost by that.
        """
        counter = self.save_counter
        counter.assign_add(1)
        try:
            path = self.write(f"{os.fspath(file_prefix)}-{int(counter)}")
            record_state(os.path.dirname(path), path, [path])
        except BaseException:
            counter.assign_sub(1)
            raise
        return path

    def write(self, file_prefix, session=None):
        """Save to the file of `file_prefix` itself, recorded nowhere; returns the path, raises as `save`."""
        self._counter()         # made now, if need be, so that it is saved
        return write(self, os.fspath(file_prefix))

    def restore(self, save_path):
        """Restore the values that a checkpoint holds; the latest restore wins.

        Args:
            save_path: what `save` or ``nf.train.latest_checkpoint`` gave; None restores nothing.

        Returns:
            A status with assertions about what was matched.  Values of objects that are there are assigned at
            once, others when their objects are made and tracked.

        Raises:
            NotFoundError: no such checkpoint.
            DataLossError: a file that is truncated, corrupted or no checkpoint.
            InvalidArgumentError: a value of another shape or dtype than its variable.  For a variable that is
                made later, this is raised then.

        After an error all objects are as they were.
        """
        self._counter()         # made now, if need be, so that it is restored
        return restore(self, save_path)
