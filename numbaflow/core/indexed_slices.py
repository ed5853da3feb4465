"""IndexedSlices: the gradient of a gathered table, as the rows that were touched.

Its cost goes with the rows that were gathered, not with the table.
"""
from . import table


class IndexedSlices:
    """Rows `values` that stand at `indices` of a tensor of shape `dense_shape`; repeated rows add up.

    >>> import numbaflow as nf
    >>> s = nf.IndexedSlices(nf.constant([[1.0, 2.0]]), nf.constant([2]), (3, 2))
    >>> s.to_dense().numpy().tolist()
    [[0.0, 0.0], [0.0, 0.0], [1.0, 2.0]]
    """

    __slots__ = ("dense_shape", "indices", "values")

    def __init__(self, values, indices, dense_shape=None):
        self.values, self.indices = values, indices
        self.dense_shape = None if dense_shape is None else tuple(int(n) for n in dense_shape)

    dtype = property(lambda self: self.values.dtype)
    shape = property(lambda self: self.dense_shape)

    def to_dense(self):
        """The tensor of shape `dense_shape`; ValueError when that is not known."""
        if self.dense_shape is None:
            raise ValueError("IndexedSlices without a dense_shape can't be made dense")
        return table.face("unsorted_segment_sum")(self.values, self.indices, self.dense_shape[0])

    def joined(self, other):
        """The sum with other slices of the same tensor."""
        concat = table.face("concat")
        return IndexedSlices(concat([self.values, other.values], 0), concat([self.indices, other.indices], 0),
                             self.dense_shape)

    def __repr__(self):
        return (f"IndexedSlices(values={self.values!r}, indices={self.indices!r}, "
                f"dense_shape={self.dense_shape})")
