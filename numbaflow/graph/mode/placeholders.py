"""Placeholders: tensors of a graph whose values are given when it is run."""
from numbaflow.core import dtypes
from numbaflow.core.tape import stack
from numbaflow.core.tensor import as_tensor, convert_to_tensor
from numbaflow.graph.mode.graph_elements import DEFAULT


def _graph(what):
    trace = stack.frame[2]
    if trace is None or not trace.lasting:
        raise RuntimeError(f"tf.{what}() is not compatible with eager execution.")
    return trace


def placeholder(dtype, shape=None, name=None):
    """A tensor whose value is given in the feed_dict of `Session.run`.

    Args:
        dtype: its dtype.
        shape: its shape, with None for extents that may be any; None for any shape.
        name: its name.

    Raises:
        RuntimeError: outside of a graph and a session.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.mode.session import Session
    >>> with Session() as session:
    ...     x = placeholder(nf.float32, [None, 2], name="inputs")
    ...     print(session.run(nf.reduce_sum(x, 1), {x: [[1.0, 2.0]]}))
    [3.]
    """
    graph = _graph("placeholder")
    return graph.input(graph.extents_for(shape), dtypes.as_numpy(dtype), name or "Placeholder")


def placeholder_with_default(input, shape, name=None):
    """A tensor whose value may be given, and otherwise is that of `input`."""
    graph = _graph("placeholder_with_default")
    t = convert_to_tensor(input)
    if shape is not None and not as_tensor(t).shape.is_compatible_with(shape):
        raise ValueError(f"placeholder_with_default: an input of shape {t.shape} for shape {tuple(shape)}")
    made, = graph.primitive(DEFAULT, [t], {"name": name or "PlaceholderWithDefault"},
                            [(graph.extents_for(shape), t._dtype)])
    return made
