"""Sequence: a data set of batches that can be asked for by number."""


class Sequence:
    """A data set of batches: give `__getitem__`, `__len__` and, where it is wanted, `on_epoch_end`.

    `Model.fit` goes through it once an epoch, in random order where it shuffles; order within a batch is the
    sequence's own affair.

    >>> import numpy as np
    >>> import numbaflow as nf
    >>> class Squares(nf.keras.utils.Sequence):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         x = np.arange(4.0) + 4 * index
    ...         return x[:, None], x[:, None] ** 2
    >>> [x.sum() for x, y in Squares()]
    [np.float64(6.0), np.float64(22.0), np.float64(38.0)]
    """

    def __getitem__(self, index):
        """The batch of that number: inputs, or (inputs, targets), or (inputs, targets, sample weights)."""
        raise NotImplementedError

    def __len__(self):
        """The number of batches."""
        raise NotImplementedError

    def on_epoch_end(self):
        """Called at the end of each epoch."""

    def __iter__(self):
        for index in range(len(self)):
            yield self[index]
