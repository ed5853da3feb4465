"""Functions that look at ranks and values of their arguments: in a graph, where these may be unknown, such a
call is written down as a whole and made when the graph is run.
"""
import functools

from . import nest
from .abstract import Traced
from .shape import UNKNOWN
from .tape import stack


def of_known_rank(function):
    """Write a call down where the rank of an argument is not known."""
    return _decorated(function, lambda args, kwargs: any(
        isinstance(leaf, Traced) and leaf._data.shape is UNKNOWN for leaf in nest.flatten([args, kwargs])))


def of_known_values(*names):
    """Write a call down where one of its first arguments, those of these names, is a tensor of the graph."""
    def decorate(function):
        def waits(args, kwargs):
            given = [args[:len(names)], [kwargs[name] for name in names if name in kwargs]]
            return any(isinstance(leaf, Traced) for leaf in nest.flatten(given))
        return _decorated(function, waits)
    return decorate


def _decorated(function, waits):
    @functools.wraps(function)
    def called(*args, **kwargs):
        trace = stack.frame[2]
        if trace is not None and trace.lasting and waits(args, kwargs):
            return trace.later(function, args, kwargs)
        return function(*args, **kwargs)
    return called
