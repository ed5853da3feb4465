"""SciPy's BLAS and LAPACK from compiled code: a routine's address, and a call of what stands at an address.

The one idea: an address is an argument at run time, never a constant of the code, so compiled code can be
kept on disk and shared by processes.  One kernel serves every dtype: sgemm and zgemm differ by address.
"""
import ctypes
import functools
import importlib
import importlib.machinery
import importlib.util
import sys
import threading

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LETTERS = {np.dtype(np.float32): "s", np.dtype(np.float64): "d",
           np.dtype(np.complex64): "c", np.dtype(np.complex128): "z"}

# OpenBLAS keeps a product of at most this many multiplications on the calling thread, so such products may go
# side by side in threads of our own.
SERIAL_PRODUCT = 1 << 18


def _load(name):
    """The extension module scipy.linalg.<name> without its package: 3 ms, where the package takes 200."""
    full = f"scipy.linalg.{name}"
    if full in sys.modules or "scipy.linalg" in sys.modules:
        return importlib.import_module(full)
    try:
        package = importlib.import_module("scipy")      # Numba has imported it; on Windows it finds the DLLs
        folders = [f"{folder}/linalg" for folder in package.__path__]
        spec = importlib.machinery.PathFinder.find_spec(full, folders)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module if module.__pyx_capi__ else importlib.import_module(full)
    except (ImportError, AttributeError, RuntimeError):
        return importlib.import_module(full)
    finally:
        # Cython enters the module by itself; a user's later import must bind it to its package as always.
        if "scipy.linalg" not in sys.modules:
            sys.modules.pop(full, None)


_loading = threading.Lock()         # Cython refuses a module that two threads load at once


@functools.cache
def _capsules(library):
    return _load(f"cython_{library}").__pyx_capi__


_name_of = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", ctypes.pythonapi))
_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi))


@functools.cache
def address(library, name):
    """The address of a routine, as address("blas", "sgemm") or address("lapack", "dgetrf")."""
    with _loading:
        capsule = _capsules(library)[name]
    return _pointer_of(capsule, _name_of(capsule))


def _by_reference(context, builder, kind, value):
    """What Fortran is given for a value: its data for an array, else the address of a copy."""
    if isinstance(kind, types.Array):
        return context.make_array(kind)(context, builder, value).data
    if isinstance(kind, types.Integer) and kind is not types.uint8:
        value = context.cast(builder, value, kind, types.int32)
    return cgutils.alloca_once_value(builder, value)


@intrinsic
def call(typingctx, routine, *arguments):
    """Call the Fortran routine at an address: arrays by their data, np.uint8 as characters, int as int32."""
    signature = types.void(routine, types.StarArgTuple.from_types(arguments))

    def generate(context, builder, signature, values):
        pointer = ir.PointerType(ir.IntType(8))
        unpacked = cgutils.unpack_tuple(builder, values[1])
        given = [builder.bitcast(_by_reference(context, builder, kind, value), pointer)
                 for kind, value in zip(arguments, unpacked, strict=True)]
        routine_type = ir.FunctionType(ir.VoidType(), [pointer] * len(given))
        builder.call(builder.inttoptr(values[0], routine_type.as_pointer()), given)
        return context.get_dummy_value()
    return signature, generate
