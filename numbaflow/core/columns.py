"""The CUDA column of the op table: an op's own launch, whose kernels are those of `numbaflow.kernels.cuda`.

The one idea: a declaration's body looks at shapes and calls kernels; seen through a copy of its module in
which every kernel module is its twin, the same body is the launch on a GPU.  Helpers of ops move along.
"""
import functools
import importlib
import importlib.util
from types import CellType, FunctionType, ModuleType

_KERNELS, _CUDA, _OPS = "numbaflow.kernels.", "numbaflow.kernels.cuda.", "numbaflow.ops."
_SHARED = {"bits", "elementwise", "exponential", "guarded", "hyperbolic", "jit", "logic", "scalar", "shapes",
           "special", "trigonometric", "zeta"}          # scalar bodies and what looks at shapes


class _Missing:
    """Stands for a kernel module that has no twin."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        raise NotImplementedError(f"{self._name}.{name} has no CUDA twin")


@functools.cache
def launch(op):
    """The op's launch on device arrays: its function with the twins of its kernels, or one of its own."""
    return op.cuda or _moved_function(op.function)


def launched(op, arrays, attributes):
    """The device arrays of the outputs and then of the residuals, for those of the inputs in their order."""
    if op.kernel is not None:
        from numbaflow.kernels.cuda import elementwise
        return [elementwise.run(op.kernel, arrays[op.kernel.key].dtype, arrays)]
    return op.flat(launch(op)(**dict(zip(op.inputs, arrays, strict=True)), **attributes))


@functools.cache
def twin(module):
    """The kernel module for a GPU of a module of `numbaflow.kernels`, by name."""
    short = module.removeprefix(_KERNELS)
    if short in _SHARED:
        return importlib.import_module(module)
    if importlib.util.find_spec(_CUDA + short) is None:
        return _Missing(module)
    return importlib.import_module(_CUDA + short)


def _moved(value):
    """What stands for a global of an ops module on a GPU."""
    if isinstance(value, ModuleType) and value.__name__.startswith(_KERNELS):
        return twin(value.__name__)
    module = getattr(value, "__module__", None) or ""
    if isinstance(value, FunctionType) and module.startswith(_OPS) and not hasattr(value, "op"):
        return _moved_function(value)
    if callable(value) and module.startswith(_KERNELS) and hasattr(value, "__name__"):
        found = twin(module)
        return value if type(found) is _Missing else getattr(found, value.__name__, value)
    if type(value) is dict and any(callable(v) for v in value.values()):
        return {k: _moved(v) for k, v in value.items()}
    return value


_functions: dict = {}
_namespaces: dict = {}


def _moved_function(function):
    found = _functions.get(function)
    if found is None:
        cells = function.__closure__
        found = _functions[function] = FunctionType(
            function.__code__, _namespace(function.__module__), function.__name__, function.__defaults__,
            cells and tuple([CellType(_moved(c.cell_contents)) for c in cells]))
        found.__kwdefaults__ = function.__kwdefaults__
    return found


def _namespace(module):
    """The globals of an ops module as a GPU sees them."""
    found = _namespaces.get(module)
    if found is None:
        found = _namespaces[module] = {}            # (there before it is filled: helpers refer to each other)
        found.update({k: _moved(v) for k, v in vars(importlib.import_module(module)).items()})
    return found
