"""The mean of all values that were ever seen."""
import numpy as np

from numbaflow import summary
from numbaflow.core.dtypes import as_numpy
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.tensor import Tensor, wrap

from .accumulate import add_number, broadcast, kept, size_of, sum_of, tensor_of, to, values_of
from .metric import Metric


class Mean(Metric):
    """The mean of all values, weighted if weights come with them.

    Args:
        name: the metric's name; a summary is written under it.
        dtype: what it adds up in.
        use_global_variables: ignored.

    Calls take ``(values, weights=None)``, the weights of a shape that broadcasts to the values', and return
    their argument, or with weights ``(values * weights, weights)``.  The variables are "numer" and "denom".

    >>> import numbaflow as nf
    >>> m = nf.contrib.eager.metrics.Mean("loss")
    >>> _ = m(0), m(5)
    >>> m.result().numpy()
    np.float64(2.5)
    >>> _ = m([8, 9])
    >>> m.result().numpy()
    np.float64(5.5)
    """

    def __init__(self, name=None, dtype=np.float64, use_global_variables=False):
        super().__init__(name, use_global_variables)
        self.dtype = dtype

    def build(self, *args, **kwargs):
        """Make "numer" and "denom"."""
        self.numer = self.add_variable("numer", dtype=self.dtype)
        self.denom = self.add_variable("denom", dtype=self.dtype)

    def call(self, values, weights=None):
        """Add values to the mean; see the class."""
        if weights is not None:
            return self._call_weighted(values, weights)
        if type(values) in (float, int):
            self._add(values, 1)
        else:
            data = values if type(values) is np.ndarray else values_of(values)
            self._add(sum_of(data), size_of(data))
        return values

    def _call_weighted(self, values, weights):
        dtype = as_numpy(self.dtype)
        values, weights = to(values_of(values), dtype), to(values_of(weights), dtype)
        try:
            each = broadcast(weights, values.shape)
        except ValueError:
            raise InvalidArgumentError(f"{self.name}: weights of shape {weights.shape} for values of shape "
                                       f"{values.shape}; expected one that broadcasts to it") from None
        weighted = values * each
        self._add(sum_of(weighted), sum_of(each))
        return tensor_of(weighted), tensor_of(weights)

    def _add(self, total, count):
        add_number(self.numer, total)
        add_number(self.denom, count)

    def result(self, write_summary=True):
        """The mean so far, NaN before anything was added.

        Args:
            write_summary: write it as a scalar summary too, if there is a writer and summaries are recorded.
        """
        if not self._built:
            self._build_once()
        total, count = kept(self.numer), kept(self.denom)
        if isinstance(total, Tensor):
            mean = total / count
        else:
            with np.errstate(all="ignore"):
                mean = wrap(total / count)
        if write_summary:
            summary.scalar(self.name, mean)
        return mean
