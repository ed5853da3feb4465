"""What of an object is saved: its functions, its variables and its parts, and the signatures for others."""
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.trackable import Trackable
from numbaflow.core.variable import Variable
from numbaflow.graph.concrete import Concrete
from numbaflow.graph.function import Function

from .models import model_functions
from .restored import RestoredFunction, RestoredObject
from .variants import parameters_of, positional, variant_of, variants_of

_CALLABLE = (Function, Concrete, RestoredFunction)


def as_restored(function, name):
    """Any function in the form of a restored one, which is what is written."""
    if isinstance(function, RestoredFunction):
        return function
    if isinstance(function, Concrete):
        return RestoredFunction(function.name, positional(function.arguments), [variant_of(function)])
    name = getattr(function, "__name__", name)
    return RestoredFunction(name, parameters_of(function), variants_of(function))


def functions_of(obj):
    """Name -> function, of all functions that an object has."""
    if isinstance(obj, _CALLABLE):
        return {"__call__": obj}
    if isinstance(obj, RestoredObject):
        return obj.functions
    found = model_functions(obj)
    for name in dir(type(obj)):
        if isinstance(getattr(type(obj), name, None), Function):
            found[name] = getattr(obj, name)
    found.update({name: value for name, value in getattr(obj, "__dict__", {}).items()
                  if isinstance(value, _CALLABLE)})
    return found


def signatures_of(obj, given, functions):
    """Name -> function, of the signatures that are saved: those given, or those that the object says."""
    if isinstance(given, _CALLABLE):
        given = {"serving_default": given}
    if given is not None:
        for name, function in given.items():
            if not isinstance(function, _CALLABLE):
                raise InvalidArgumentError(f"saved_model.save: signature {name!r} must be an nf.function or "
                                           f"a concrete function, got {type(function).__name__}")
        return dict(given)
    if isinstance(obj, RestoredObject):
        return obj.signatures
    called = functions.get("__call__")
    return {} if called is None or _is_empty(called) else {"serving_default": called}


def _is_empty(function):
    return isinstance(function, Function) and function.input_signature is None and not function._concrete


class Objects:
    """The objects that are reached from one, each once: `entries` of their children and functions by name."""

    def __init__(self, root, variable):
        self._variable, self._numbers, self.entries, self.functions = variable, {}, [], []
        self._alive, left = [], [root]
        self._add(root)
        while left:
            obj = left.pop(0)
            children = obj._children() if isinstance(obj, Trackable) else {}
            entry = self.entries[self._numbers[id(obj)]]
            for name, child in children.items():
                if isinstance(child, Variable):
                    entry["children"][name] = {"variable": variable(child)}
                    continue
                if id(child) not in self._numbers:
                    self._add(child)
                    left.append(child)
                entry["children"][name] = {"object": self._numbers[id(child)]}

    def _add(self, obj):
        self._alive.append(obj)         # so that no other object gets its id
        self._numbers[id(obj)] = len(self.entries)
        self.entries.append({"kind": _kind(obj), "children": {}})
        self.functions.append(functions_of(obj) if not isinstance(obj, (list, dict)) else {})


def _kind(obj):
    if isinstance(obj, list):
        names = list(obj._children()) if isinstance(obj, Trackable) else []
        return "list" if names == [str(k) for k in range(len(obj))] else "object"
    return "dict" if isinstance(obj, dict) else "object"
