"""Launches of the CPU that are launches on a GPU as they stand, with the kernels of the same names here."""
from types import FunctionType


def ported(function, scope):
    """A function of the CPU's module whose names mean what they mean in `scope`, a module of twins."""
    made = FunctionType(function.__code__, scope, function.__name__, function.__defaults__,
                        function.__closure__)
    made.__doc__, made.__kwdefaults__ = function.__doc__, function.__kwdefaults__
    made.__module__ = scope["__name__"]
    return made
