"""Name scopes of the thread, and the scopes that order ops in graphs, which eager programs need not.

A name scope is a prefix such as "outer/inner/".  Names of variables and summaries are put after it.
"""
import contextlib
import threading

from .tape import stack, tracing

__all__ = ["control_dependencies", "current", "group", "init_scope", "name_scope", "no_op"]


class _Scope(threading.local):
    """`prefix`: the scope of this thread, "" or something that ends in "/"."""

    prefix: str = ""


_scope = _Scope()


def current():
    """The name scope of this thread with its trailing slash, or ""."""
    return _scope.prefix


class name_scope:
    """A context in which names of variables and summaries get a prefix; it gives that prefix.

    Args:
        name: the scope's name, put after the enclosing one.  With a trailing slash it is the whole prefix, as
            `with ... as scope` gave it; ``""`` leaves all scopes.
        default_name: what stands in for a `name` of None.
        values: not used; for programs that say which tensors an op takes.

    Raises:
        TypeError: a name that is no string, or `values` without any name.

    >>> import numbaflow as nf
    >>> with nf.name_scope("model"), nf.name_scope("dense") as scope:
    ...     v = nf.Variable(0.0, name="bias")
    >>> scope, v.name
    ('model/dense/', 'model/dense/bias:0')
    """

    __slots__ = ("_kept", "_name")

    def __init__(self, name, default_name=None, values=None):
        chosen = default_name if name is None else name
        if chosen is None and values is not None:
            raise TypeError("name_scope: name and default_name are both None; one of them must be given")
        if chosen is not None and not isinstance(chosen, str):
            raise TypeError(f"name_scope: the name must be a string, got {type(chosen).__name__}: {chosen!r}")
        self._name, self._kept = chosen, []

    name = property(lambda self: self._name, doc="The name it was given.")

    def __enter__(self):
        outer, name = _scope.prefix, self._name
        self._kept.append(outer)
        if not name:
            _scope.prefix = ""
        else:
            _scope.prefix = name if name[-1] == "/" else f"{outer}{name}/"
        return _scope.prefix

    def __exit__(self, *exc):
        _scope.prefix = self._kept.pop()


# ---- what orders ops in a graph: eager ops run in the order of the program
def control_dependencies(control_inputs):
    """A context for ops of a graph that run after `control_inputs`; functions among these are called before.

    Eager ops run in the order of the program.

    >>> import numbaflow as nf
    >>> v = nf.Variable(1.0)
    >>> with nf.control_dependencies([lambda: v.assign(2.0)]):
    ...     print(v.numpy())
    2.0
    """
    given = [act() if callable(act) else act for act in control_inputs or ()]
    trace = stack.frame[2]
    return contextlib.nullcontext() if trace is None else trace.control_dependencies(
        None if control_inputs is None else given)


def init_scope():
    """A context in which no tape of this thread records and, in a function that is traced, ops run at once.

    It is for making what must outlive the call.

    >>> import numbaflow as nf
    >>> x = nf.constant(3.0)
    >>> with nf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     with nf.init_scope():
    ...         y = x * x
    >>> tape.gradient(y, x) is None
    True
    """
    trace = stack.frame[2]
    while trace is not None and not trace.lasting:
        trace = trace.parent
    return tracing(trace)


def group(*inputs, **kwargs):
    """In a graph an op that runs all that is given; otherwise None: it has run already.

    Args:
        inputs: results of ops.
        kwargs: `name`; others are a ValueError.

    >>> import numbaflow as nf
    >>> v = nf.Variable(1.0)
    >>> nf.group(v.assign(2.0), v.assign_add(1.0))
    >>> v.numpy()
    np.float32(3.0)
    """
    unknown = set(kwargs) - {"name"}
    if unknown:
        raise ValueError(f"group: unknown keyword arguments {sorted(unknown)}; it takes `name`")
    trace = stack.frame[2]
    return None if trace is None else trace.group(inputs, kwargs.get("name") or "group_deps")


def no_op(name=None):
    """In a graph an op that does nothing; otherwise None, having done nothing.

    >>> import numbaflow as nf
    >>> nf.no_op()
    """
    trace = stack.frame[2]
    return None if trace is None else trace.group((), name or "NoOp")
