"""Session: runs parts of a graph.

Variables have one value in a graph, whichever session runs it.
"""
import contextlib
import threading
import warnings
from operator import index

import numpy as np

from numbaflow.core.context import ConfigProto
from numbaflow.core.errors import FailedPreconditionError
from numbaflow.core.indexed_slices import IndexedSlices
from numbaflow.core.shape import UNKNOWN
from numbaflow.core.tape import stack, tracing
from numbaflow.core.tensor import Tensor
from numbaflow.core.variable import Variable
from numbaflow.graph.mode.graph_elements import GraphTensor, Operation, element
from numbaflow.graph.mode.graph_mode import Graph, get_default_graph
from numbaflow.graph.mode.steps import Step

__all__ = ["InteractiveSession", "Session", "get_default_session"]


class _Sessions(threading.local):
    def __init__(self):
        self.stack = []


_sessions = _Sessions()


def get_default_session():
    """The session whose context this is, or None."""
    return _sessions.stack[-1] if _sessions.stack else None


# ---- what is fetched
class _Fetch:
    """What is to be computed for one fetch, and how the result is put together."""

    def __init__(self, graph):
        self.graph, self.values, self.variables, self.nodes = graph, {}, {}, []

    def plan(self, given):
        """A function of (the arrays of values and of variables) that gives the result for a fetch."""
        if isinstance(given, (list, tuple, dict)):
            parts = [self.plan(part) for part in (given.values() if isinstance(given, dict) else given)]
            return lambda found: _put_together(given, [part(found) for part in parts])
        if isinstance(given, IndexedSlices):
            parts = [self.plan(given.values), self.plan(given.indices)]
            return lambda found: IndexedSlices(parts[0](found), parts[1](found), given.dense_shape)
        if isinstance(given, Variable):
            return self._of(self.variables, given)
        if isinstance(given, Tensor) and not isinstance(given, GraphTensor):
            return lambda found: given.numpy()
        named = [v for v in self.graph.variables if type(given) is str and v.name == given]
        if named:
            return self.plan(named[0])
        found = self._element(given)
        if isinstance(found, Operation):
            self.nodes.append(found.node)
            return lambda found: None
        return self._of(self.values, found._value)

    @staticmethod
    def _of(wanted, key):
        wanted.setdefault(key, len(wanted))
        return lambda found: found[key].copy() if found[key].ndim else found[key][()]

    def _element(self, given):
        if given is None:
            raise TypeError(f"Fetch argument {given!r} has invalid type {type(given)!r}")
        try:
            return element(self.graph, given)
        except TypeError as error:
            raise TypeError(f"Fetch argument {given!r} has invalid type {type(given)!r}, must be a string or "
                            f"Tensor. ({error})") from None
        except (ValueError, KeyError) as error:
            raise ValueError(f"Fetch argument {given!r} cannot be interpreted as a Tensor. "
                             f"({error.args[0]})") from None


def _put_together(like, parts):
    if isinstance(like, dict):
        return type(like)(zip(like, parts, strict=True))
    if hasattr(like, "_fields"):
        return type(like)(*parts)
    return parts if isinstance(like, list) else tuple(parts)


# ---- what is fed
def _fed(graph, key, value):
    """(value, array) of an entry of a feed_dict."""
    try:
        t = element(graph, key, operations=False)
    except (TypeError, ValueError, KeyError) as error:
        raise TypeError(f"Cannot interpret feed_dict key as Tensor: {error.args[0]}") from None
    if isinstance(value, (Tensor, Variable)):
        raise TypeError("The value of a feed cannot be a tf.Tensor object. Acceptable feed values include "
                        "Python scalars, strings, lists, numpy ndarrays, or TensorHandles. For reference, "
                        f"the tensor object was {value} which was passed to the feed with key {t}.")
    dtype = t._dtype
    if isinstance(value, int) and not _holds(dtype, value):
        raise TypeError(f"Type of feed value {value} with type {type(value)} is not compatible with Tensor "
                        f"type {dtype.name}. Try explicitly setting the type of the feed tensor to a larger "
                        "type (e.g. int64).")
    array = np.array(value, dtype, order="C")
    shape = t._data.shape
    if shape is not UNKNOWN and (len(shape) != array.ndim or any(
            isinstance(n, int) and n != m for n, m in zip(shape, array.shape, strict=True))):
        raise ValueError(f"Cannot feed value of shape {array.shape} for Tensor {t.name!r}, which has shape "
                         f"'{t.shape!r}'")
    return t._value, array


def _holds(dtype, number):
    if dtype.kind not in "iu":
        return True
    limits = np.iinfo(dtype)
    return limits.min <= index(number) <= limits.max


# ---- sessions
class Session:
    """Runs operations of a graph and computes tensors.

    Args:
        target: ignored; "".
        graph: the graph; by default the default one.
        config: a ConfigProto, of which nothing is used.

    As a context it is the default session, its graph the default graph, and it is closed at the end.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.mode.placeholders import placeholder
    >>> with Session() as session:
    ...     x = placeholder(nf.float32)
    ...     print(session.run({"twice": x * 2.0, "all": [x]}, feed_dict={x: [1.0, 2.0]}))
    {'twice': array([2., 4.], dtype=float32), 'all': [array([1., 2.], dtype=float32)]}
    """

    def __init__(self, target="", graph=None, config=None):
        if not isinstance(target, (str, bytes)):
            raise TypeError(f"target must be a string, but got {target!r}")
        if graph is not None and not isinstance(graph, Graph):
            raise TypeError(f"graph must be a tf.Graph, but got {type(graph)}")
        if config is not None and not isinstance(config, ConfigProto):
            raise TypeError(f"config must be a tf.ConfigProto, but got {type(config)}")
        self._graph = get_default_graph() if graph is None else graph
        self._closed, self._entered = False, None

    graph = property(lambda self: self._graph, doc="The graph that it runs.")

    def run(self, fetches, feed_dict=None, options=None, run_metadata=None):
        """Run what is fetched.

        Args:
            fetches: a tensor, operation, variable or the name of one, or lists, tuples, named tuples and
                dicts of them.
            feed_dict: {tensor or its name: its value in this run}.
            options, run_metadata: not used.

        Returns:
            The values in the structure of the fetches: NumPy arrays and scalars, None for an operation.

        Raises:
            RuntimeError: the session is closed, or the graph empty.
            TypeError: a fetch or a key that is no element of a graph, or a value that can't be fed.
            ValueError: an element of another graph, or a value of the wrong shape.
            InvalidArgumentError: a placeholder that needs a value and is not fed.
            FailedPreconditionError: a variable that is not initialized.
        """
        graph = self._graph
        self._check()
        fetch = _Fetch(graph)
        made = fetch.plan(fetches)
        feeds = dict([_fed(graph, key, value) for key, value in (feed_dict or {}).items()])
        found = self._run(fetch, feeds)
        return made(found)

    def _check(self):
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        if self._graph.version == 0:
            raise RuntimeError("The Session graph is empty.  Add operations to the graph before calling "
                               "run().")

    def _run(self, fetch, feeds):
        graph, values, variables = self._graph, list(fetch.values), list(fetch.variables)
        key = tuple(values), tuple(variables), tuple(fetch.nodes), tuple(feeds)
        with graph.lock:
            step = graph.steps.get(key)
            if step is None:
                step = graph.steps[key] = Step(graph, values, variables, fetch.nodes, list(feeds))
        for v in step.needed:
            if v in graph.uninitialized:
                raise FailedPreconditionError(f"Attempting to use uninitialized value {v._name}")
        arrays = step(list(feeds.values()))
        graph.uninitialized.difference_update(step.assigned)
        return dict(zip([*values, *variables], arrays, strict=True))

    def make_callable(self, fetches, feed_list=None, accept_options=False):
        """A function that runs the fetches; it takes a value for each tensor in feed_list."""
        keys = list(feed_list or ())
        self._check()
        _Fetch(self._graph).plan(fetches)

        def call(*values):
            if len(values) != len(keys):
                raise TypeError(f"expected {len(keys)} arguments, one for each tensor of feed_list, got "
                                f"{len(values)}")
            return self.run(fetches, dict(zip(keys, values, strict=True)))
        return call

    def close(self):
        """Let nothing be run any more."""
        self._closed = True

    # ---- as a context
    @contextlib.contextmanager
    def as_default(self):
        """A context in which it is the default session; it stays open after it."""
        _sessions.stack.append(self)
        try:
            yield self
        finally:
            _sessions.stack.remove(self)

    def __enter__(self):
        if self._entered is not None:
            raise RuntimeError("Session context managers are not re-entrant. Use `Session.as_default()` if "
                               "you want to enter a session multiple times.")
        self._entered = contexts = contextlib.ExitStack()
        contexts.enter_context(self._graph.as_default())
        contexts.enter_context(self.as_default())
        return self

    def __exit__(self, *exc):
        self._entered.close()
        self.close()


_interactive: list = []


class InteractiveSession(Session):
    """A session that is the default one, and its graph the default graph, from when it is made until `close`.

    >>> import numbaflow as nf
    >>> session = InteractiveSession()
    >>> print((nf.constant(2.0) + 1.0).eval())
    3.0
    >>> session.close()
    """

    def __init__(self, target="", graph=None, config=None):
        super().__init__(target, graph, config)
        if _interactive:
            warnings.warn("An interactive session is already active. This can cause out-of-memory errors in "
                          "some cases. You must explicitly call `InteractiveSession.close()` to release "
                          "resources held by the other session(s).", stacklevel=2)
        _interactive.append(self)
        self._kept = stack.frame
        tracing(self._graph).__enter__()
        _sessions.stack.append(self)

    def close(self):
        """End the session; what was the default before is it again."""
        if not self._closed:
            super().close()
            _interactive.remove(self)
            _sessions.stack.remove(self)
            stack.frame = self._kept
