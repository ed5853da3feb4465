"""print and Assert, also from inside compiled functions, where they run in order at each call."""
import sys

import numpy as np

from numbaflow.core import nest
from numbaflow.core.abstract import Traced
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.placement import fetch
from numbaflow.core.tensor import as_tensor
from numbaflow.graph.flow.hosted import Hosted, last_operation
from numbaflow.graph.flow.replay import replaying

__all__ = ["Assert", "print"]


def Assert(condition, data, summarize=None, name=None):
    """Raise InvalidArgumentError with the data unless the condition is true; in a Graph give an operation.

    Args:
        condition: a scalar bool.
        data: a list of tensors, strings and numbers for the message.
        summarize: how many entries of a tensor's ends to show; 3 unless given.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.flow.printing import Assert
    >>> Assert(nf.constant(1.0) > 0.0, ["positive"])
    """
    condition = as_tensor(condition)
    if tuple(condition._data.shape) != () or condition._dtype.kind != "b":
        raise InvalidArgumentError("Assert: condition must be a scalar bool, got "
                                   f"{condition._dtype} of shape {tuple(condition._data.shape)}")
    text = _Text(data, " ", "", summarize)
    if isinstance(condition, Traced):
        _ASSERT([condition, *text.tensors], {"text": text}, [])
        return last_operation()
    elif not bool(condition):
        raise InvalidArgumentError(f"assertion failed: {text.known()}")
    return None


def print(*inputs, **kwargs):
    """Print tensors and strings, in a compiled function at each call; in a Graph give an operation.

    Args:
        inputs: what to print: strings, tensors, structures of them.
        output_stream: a stream; sys.stderr unless given.
        summarize: how many entries of the ends of an axis to show; 3 unless given, -1 for all.
        sep, end: what stands between inputs and after them, " " and a new line unless given.

    >>> import sys
    >>> import numbaflow as nf
    >>> from numbaflow.graph.flow import printing
    >>> printing.print("x =", nf.constant([1.0, 2.5]), output_stream=sys.stdout)
    x = [1 2.5]
    """
    unknown = set(kwargs) - {"output_stream", "summarize", "sep", "end", "name"}
    if unknown:
        raise ValueError(f"print: unrecognized keyword arguments {sorted(unknown)}")
    text = _Text(inputs, kwargs.get("sep", " "), kwargs.get("end", "\n"), kwargs.get("summarize"),
                 kwargs.get("output_stream"))
    _PRINT(text.tensors, {"text": text}, [])
    return last_operation()


class _Text:
    """A text with places for the values of tensors."""

    def __init__(self, inputs, sep, end, summarize, stream=None):
        self._sep, self._end, self._most, self._stream, self.tensors = sep, end, summarize, stream, []
        self._parts = [nest.map_structure(self._part, part) if nest.is_nested(part) else self._part(part)
                       for part in inputs]

    def _part(self, part):
        if isinstance(part, str) or part is None:
            return part
        self.tensors.append(as_tensor(part))
        return _Place(len(self.tensors) - 1)

    def written(self, arrays):
        """The text for the values of its tensors."""
        return self._sep.join([self._one(part, arrays, False) for part in self._parts]) + self._end

    def _one(self, part, arrays, quoted):
        if isinstance(part, _Place):
            return self._array(arrays[part])
        if isinstance(part, dict):
            pairs = [f"{k!r}: {self._one(part[k], arrays, True)}" for k in nest.ordered_keys(part)]
            return "{" + ", ".join(pairs) + "}"
        if isinstance(part, (list, tuple)):
            inside = ", ".join(self._one(each, arrays, True) for each in part)
            return f"({inside})" if isinstance(part, tuple) else f"[{inside}]"
        return repr(part) if quoted else str(part)

    def _array(self, array):
        return _summary(array, 3 if self._most is None else int(self._most), " ")

    def known(self):
        """The text where its tensors have values; traced ones as they look."""
        return self.written([np.array("traced") if isinstance(t, Traced) else fetch(t)
                             for t in self.tensors])

    def show(self, arrays):
        """Print it."""
        stream = sys.stderr if self._stream is None else self._stream
        stream.write(self.written(arrays))
        stream.flush()


class _Place(int):
    """Stands for a tensor, by its number."""


def _summary(array, ends, indent):
    """The text of an array, with at most so many entries at either end of an axis."""
    if not array.ndim:
        kind = array.dtype.kind
        return f"{array:g}" if kind == "f" else str(int(array)) if kind == "b" else str(array)
    left_out = 0 <= 2 * ends < len(array)
    shown = [*array[:ends], *array[len(array) - ends:]] if left_out else [*array]
    parts = [_summary(np.asarray(part), ends, indent + " ") for part in shown]
    if left_out:
        parts.insert(ends, "...")
    return f"[{(' ' if array.ndim == 1 else chr(10) * (array.ndim - 1) + indent).join(parts)}]"


def _asserted(node, arrays):
    if not arrays[0]:
        raise InvalidArgumentError(f"assertion failed: {node.attributes['text'].written(arrays[1:])}")
    return []


def _printed(node, arrays):
    if not replaying():
        node.attributes["text"].show(arrays)
    return []


_ASSERT = Hosted("assert", _asserted, effect=True)
_PRINT = Hosted("print", _printed, effect=True)
