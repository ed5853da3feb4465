"""What a loaded model is made of: objects with variables, and functions whose Python is not at hand."""
from numbaflow.core.tensor import Tensor
from numbaflow.core.trackable import AutoTrackable, Trackable
from numbaflow.core.variable import Variable

from .variants import completed, matched


class RestoredFunction:
    """A function of a saved model: called as the one that was saved, for arguments that it was traced for."""

    def __init__(self, name, signature, variants):
        self.__name__ = self.__qualname__ = name
        self.__signature__, self.variants = signature, variants
        self._quick: dict = {}          # shapes and dtypes of arguments that are tensors alone -> variant

    def __call__(self, *args, **kwargs):
        key = None if kwargs else _key(args)
        variant = self._quick.get(key)
        if variant is not None:
            return variant.call(args)
        variant, tensors = self._found(args, kwargs)
        if key is not None and len(tensors) == len(args):
            self._quick[key] = variant
        return variant.call(tensors)

    def _found(self, args, kwargs):
        args, kwargs = completed(self.__signature__, args, kwargs)
        for variant in self.variants:
            tensors = matched(variant, args, kwargs)
            if tensors is not None:
                return variant, tensors
        known = "\n  ".join(map(repr, self.variants)) or "nothing: it was not called before it was saved"
        raise ValueError(f"{self.__name__}: it was not traced for arguments {str(args)[:200]}"
                         f"{f' and {kwargs}'[:200] if kwargs else ''}; it was for\n  {known}")

    @property
    def variables(self):
        """The variables that it reads."""
        return list(dict.fromkeys(v for variant in self.variants for v in variant.concrete.reads))

    def __repr__(self):
        return f"<restored function {self.__name__}{self.__signature__}>"


def _key(args):
    """What tells calls on tensors apart; None where something else is among the arguments."""
    found = []
    for a in args:
        if type(a) is not Tensor:
            return None
        data = a._data
        found.append((data.shape, data.dtype))
    return tuple(found)


class RestoredObject(AutoTrackable):
    """An object of a saved model: its variables, functions and parts stand under the names that they had.

    `signatures` holds the functions that were saved under names for use by others, `variables` all variables.
    """

    def __call__(self, *args, **kwargs):
        called = self.__dict__["_functions"].get("__call__")
        if called is None:
            names = ", ".join((*self.functions, *[f"signatures[{s!r}]" for s in self.signatures]))
            raise TypeError("this part of a saved model can't be called itself; it has "
                            f"{names or 'no functions'}")
        return called(*args, **kwargs)

    functions = property(lambda self: dict(self.__dict__["_functions"]), doc="Its functions by name.")
    signatures = property(lambda self: dict(self.__dict__["_signatures"]), doc="Functions by signature.")

    @property
    def variables(self):
        """All variables, each once."""
        found, seen, left = {}, {id(self)}, [self]
        while left:
            part = left.pop(0)
            for child in part._children().values():
                if id(child) not in seen:
                    seen.add(id(child))
                    if isinstance(child, Variable):
                        found[child] = None
                    else:
                        left.append(child)
        return [*found, *[v for v in self.__dict__["_captured"] if v not in found]]

    @property
    def trainable_variables(self):
        """Those that tapes trace."""
        return [v for v in self.variables if v.trainable]

    def __repr__(self):
        return (f"<saved model with functions {', '.join(self.functions) or 'none'} and signatures "
                f"{', '.join(self.signatures) or 'none'}>")


def made_object():
    """An empty one."""
    made = RestoredObject()
    made.__dict__.update(_functions={}, _signatures={}, _captured=[])
    return made


def attach(parent, name, child):
    """Let a child stand under its name: an attribute where that is a name that is free."""
    if name.isidentifier() and not name.startswith("__") and not hasattr(RestoredObject, name):
        if isinstance(child, Trackable):
            setattr(parent, name, child)
        else:
            parent.__dict__[name] = child
    elif isinstance(child, Trackable):
        parent._track(child, name)
