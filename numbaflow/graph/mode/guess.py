"""What an op gives for tensors whose shapes are not known, by examples.

The op's rule is asked for examples of several ranks, then its function.  Dtypes are taken from what fits; a
shape only where it is the same for examples of most ranks, as where it is an attribute.
"""
import itertools

import numpy as np

from numbaflow.core.abstract import Abstract, Traced
from numbaflow.core.dim import Dim
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.shape import UNKNOWN
from numbaflow.core.tensor import wrap

_RANKS, _EXTENTS, _MOST = (2, 1, 0, 4, 3, 5), (2, 12, 3), 4


def examples(count):
    """(ranks of `count` tensors, an extent for all axes) to try, all of one rank first."""
    for extent in _EXTENTS:
        for rank in _RANKS:
            yield (rank,) * count, extent
    if 1 < count < 4:
        for ranks in itertools.product(_RANKS[:4], repeat=count):
            if len(set(ranks)) > 1:
                yield ranks, 2


def guessed(op, given, attributes, unknown):
    """A list of (shape or UNKNOWN, dtype), one an output and one a residual, for inputs that have those.

    unknown() gives a new unknown extent.
    """
    count = sum(x.shape is UNKNOWN for x in _flat(given))
    fitting = [(ranks, found) for ranks, found in _tried(_inferred, op, given, attributes, count)
               if len(set(ranks)) < 2]
    if fitting:
        return _agreed(fitting, unknown) if op.kernel is None else _dtypes(fitting[0][1])
    for answer in (_inferred, _run):
        for _, found in _tried(answer, op, given, attributes, count):
            return _dtypes(found)
    if op.listed:
        raise InvalidArgumentError(f"{op.name}: how many tensors it gives depends on an unknown shape")
    first = _flat(given)[0]
    count = (1 if op.outputs is None else len(op.outputs)) + len(op.residuals)
    return [(UNKNOWN, first.dtype)] * count


def _tried(answer, op, given, attributes, count):
    for ranks, extent in examples(count):
        left = iter(ranks)
        try:
            found = answer(op, [_example(x, left, extent) for x in given], _filled(attributes, ranks))
        except Exception:                   # whatever an op says to an example that does not fit
            continue
        yield ranks, [(tuple(shape), np.dtype(dtype)) for shape, dtype in found]


def _dtypes(specs):
    return [(UNKNOWN, dtype) for _, dtype in specs]


def _agreed(fitting, unknown):
    """The specs that all that fits has in common."""
    if len({ranks for ranks, _ in fitting}) < _MOST or len({len(found) for _, found in fitting}) > 1:
        return _dtypes(fitting[0][1])
    agreed = []
    for outputs in zip(*[found for _, found in fitting], strict=True):
        shapes, dtype = [shape for shape, _ in outputs], outputs[0][1]
        if len({len(shape) for shape in shapes}) > 1:
            agreed.append((UNKNOWN, dtype))
        else:
            axes = zip(*shapes, strict=True)
            agreed.append((tuple([ns[0] if len(set(ns)) == 1 else unknown() for ns in axes]), dtype))
    return agreed


def _inferred(op, given, attributes):
    return op.infer(given, attributes)


def _run(op, given, attributes):
    """What the op's function gives for ones."""
    result = op.launch(*[_ones(x) for x in given], **attributes)
    results = [result] if op.outputs is None and not op.residuals else list(result)
    if op.outputs is not None and op.residuals:
        results = [*results[0], *results[1:]]
    return [(np.shape(r), np.asarray(r).dtype) for r in results]


def _ones(x):
    return [_ones(each) for each in x] if isinstance(x, list) else np.ones(x.shape, x.dtype)


def _flat(given):
    return [each for x in given for each in (_flat(x) if isinstance(x, list) else [x])]


def _example(x, ranks, extent):
    if isinstance(x, list):
        return [_example(each, ranks, extent) for each in x]
    return Abstract(example_shape(x.shape, ranks, extent), x.dtype)


def example_shape(shape, ranks, extent):
    """A shape with numbers for what is not known of it; `ranks` gives ranks."""
    if shape is UNKNOWN:
        return (extent,) * next(ranks)
    return tuple([extent if isinstance(n, Dim) else n for n in shape])


def _filled(attribute, ranks):
    """An attribute with small numbers for tensors of the graph in it."""
    if isinstance(attribute, Traced):
        rank = ranks[0] if ranks else 1
        return wrap(np.ones(example_shape(attribute._data.shape, iter([1]), rank), attribute._dtype))
    if isinstance(attribute, (tuple, list)):
        parts = [_filled(part, ranks) for part in attribute]
        return type(attribute)(*parts) if hasattr(attribute, "_fields") else type(attribute)(parts)
    if isinstance(attribute, dict):
        return {name: _filled(part, ranks) for name, part in attribute.items()}
    return attribute
