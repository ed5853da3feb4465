"""How everything here is compiled: Numba's options, the disk cache and ranges of work for threads.

The one idea: a compiled function is stored under a fingerprint of its code and of all that the code refers
to, so an edit anywhere below it makes a new entry and nothing stale is ever loaded.
"""
import functools
import hashlib
import os
import pickle
import sys
import tempfile
import time
import types as python_types
from pathlib import Path

import llvmlite.binding as llvm
import numba
import numpy as np
from numba import types
from numba.core import compiler, config, serialize
from numba.core.caching import _Cache
from numba.core.ccallback import CFunc
from numba.core.runtime import rtsys
from numba.extending import intrinsic, overload

from . import builds, threads
from .fingerprint import Unfingerprintable, fingerprint
from .recording import recorder, recorders

# Not nnan or ninf: NaN and inf keep their meaning.  afn allows approximations; the tests hold their accuracy.
FASTMATH = {"contract", "nsz", "arcp", "afn", "reassoc"}
# The default error model puts a ZeroDivisionError branch at every division, and then nothing vectorizes.
OPTIONS = {"error_model": "numpy", "fastmath": FASTMATH}
EXACT = {"error_model": "numpy", "fastmath": {"contract"}}    # where rounding steps must stay in order
INLINE = {**OPTIONS, "forceinline": True}                     # a part of the kernels that call it

# Under this many elements of work waking other threads does not pay: relu of 346K float32 takes 46 us on
# one thread and 160 on two, a step of a small convolutional network 5.8 ms with this and 8.7 with 1 << 18.
PARALLEL_WORK = 1 << 20


# ---- the disk cache
def cache_directory():
    """Where compiled kernels are kept: $NUMBAFLOW_CACHE_DIR, else Numba's, else the user's cache folder."""
    chosen = os.environ.get("NUMBAFLOW_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if config.CACHE_DIR:
        return Path(config.CACHE_DIR) / "numbaflow"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "numbaflow"


def write_whole(path, payload):
    """Write a file of the cache aside and rename it, so that two processes may write at once."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        with os.fdopen(handle, "wb") as file:
            file.write(payload)
        os.replace(aside, path)
    except OSError:                             # a cache that can't be written is only slower
        pass


class DiskCache(_Cache):
    """Numba's cache interface over one file a compiled signature, named by content.

    A file that can't be read counts as missing.
    """

    def __init__(self, function, salt=""):
        self._function, self._salt, self._key = function, salt, None
        self._name = function.__name__

    @property
    def cache_path(self):
        return str(cache_directory())

    def _path(self, sig, context):
        if self._key is None:
            try:
                self._key = fingerprint(self._function)
            except Unfingerprintable:
                self._key = ""
        if not self._key:
            return None
        what = (self._key, self._salt, str(sig), context.codegen().magic_tuple(), config.BOUNDSCHECK,
                numba.__version__, np.__version__, sys.version_info[:2])
        return cache_directory() / f"{self._name}-{hashlib.sha256(repr(what).encode()).hexdigest()[:40]}.nbc"

    def load_overload(self, sig, target_context):
        path = self._path(sig, target_context)
        if path is None:
            return None
        try:
            payload = path.read_bytes()
        except OSError:
            return None
        try:
            # Numba's own cache would refresh the context here: 0.25 s of imports that only compiling needs.
            rtsys.initialize(target_context)
            return compiler.CompileResult._rebuild(target_context, *pickle.loads(payload))
        except Exception:                       # cut short, or written by something else: compile anew
            return None

    def save_overload(self, sig, data):
        path = self._path(sig, data.target_context)
        if path is None or data.library.has_dynamic_globals or data.lifted:
            return
        write_whole(path, serialize.dumps(data._reduce()))

    def enable(self):
        pass

    def disable(self):
        pass

    def flush(self):
        pass


# ---- scalar bodies
def _precision(arguments):
    """float32 when no argument is wider, else float64: the type that a body's float literals take."""
    narrow = False
    for a in arguments:
        if a in (types.float64, types.complex128):
            return np.float64
        narrow = narrow or a in (types.float32, types.complex64)
    return np.float32 if narrow else np.float64


def _kind(arguments):
    for a in arguments:
        if isinstance(a, types.Complex):
            return "complex"
    return _precision(arguments).__name__ if any(isinstance(a, types.Float) for a in arguments) else "integer"


def specialize(function, precision):
    """The function with float literals typed as `precision`: else 0.5 * x would be float64 for a float32."""
    code = function.__code__
    consts = tuple(precision(c) if type(c) is float else c for c in code.co_consts)
    return python_types.FunctionType(code.replace(co_consts=consts), function.__globals__, function.__name__,
                                     function.__defaults__, function.__closure__)


def body(function=None, *, exact=False):
    """A scalar function that njit code, CUDA code and plain Python can all call.

    Its float literals take the precision of its arguments (write 1.0, not 1).  It runs as it stands in plain
    Python; `variant` gives it another implementation for one kind of argument.  An exact one keeps the order
    of its rounding steps, its divisions and the signs of its zeros wherever it is inlined: LLVM's flags stand
    on each instruction.
    """
    if function is None:
        return lambda f: body(f, exact=exact)
    function.variants, function.exact = {}, exact

    @overload(function, strict=False, jit_options={**(EXACT if exact else OPTIONS), "forceinline": True})
    def choose(*arguments):
        chosen = function.variants.get(_kind(arguments), function)
        return specialize(chosen, _precision(arguments))
    return function


def variant(of, *kinds):
    """Register the decorated function as the body `of` for "float32", "float64", "complex" or "integer"."""
    def register(function):
        for kind in kinds:
            of.variants[kind] = function
        return function
    return register


# ---- kernels
class _Host:
    features = None             # as LLVM tells them, which takes 0.3 ms


def _features():
    if config.CPU_FEATURES is not None:
        return config.CPU_FEATURES
    if _Host.features is None:
        _Host.features = llvm.get_host_cpu_features().flatten()
    return _Host.features


def _prefers_wide_vectors():
    return "+avx512vbmi2" in _features()


def vector_registers():
    """(how many, bytes in each) of the processor that is compiled for; asked when code is generated.

    The features are part of every cache key, so what is chosen by them needs no key of its own.
    """
    features = _features()
    if "+avx512f" in features:
        return 32, 64
    if "+avx2" in features:
        return 16, 32
    return (32, 16) if "+neon" in features else (16, 16)


@intrinsic
def wide_vectors(typingctx):
    """Let this function's loops use 512-bit vectors where the processor has them since Ice Lake.

    LLVM tunes for 256 bits there, after the first AVX-512 processors, which slowed down.  exp over 4096
    float32 in 512 bits takes 0.68 of the time in 256.
    """
    def codegen(context, builder, sig, args):
        if _prefers_wide_vectors():             # llvmlite's own add() knows named attributes only
            set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()
    return types.void(), codegen


def kernel(function=None, *, options=OPTIONS):
    """Compile a function over arrays on first use, without the GIL, kept on disk."""
    if function is None:
        return lambda f: kernel(f, options=options)
    dispatcher = numba.njit(nogil=True, **options)(function)
    dispatcher._cache = DiskCache(function, salt=f"{sorted(options['fastmath'])}")
    return dispatcher


def loop(function, signature, options=OPTIONS, text=None):
    """A C function pointer with the given Numba signature, kept on disk; `text` is generated source."""
    began = time.perf_counter()
    made = CFunc(function, (signature.args, signature.return_type), locals={},
                 options={**options, "nopython": True})
    made._cache = DiskCache(function, salt=f"cfunc {sorted(options['fastmath'])}")
    made.compile()
    builds.note(made.address, function, began, made.cache_hits > 0, text)
    return made


class RangeKernel:
    """A kernel f(*args, lo, hi) over a share of its outer loop, split over threads when the work is large."""

    def __init__(self, function, options=OPTIONS, tiled=False):
        self.function, self.options, self.tiled = function, options, tiled
        self.__name__, self.__doc__ = function.__name__, function.__doc__

    @functools.cached_property
    def serial(self):
        """The kernel itself, f(*args, lo, hi), made when asked for: making all takes 30 ms."""
        return kernel(self.function, options=self.options)

    def checked(self, n, work, *args):
        """Run on this thread for 0 <= i < n: what the kernel gives, -1 if all is well."""
        if recorders:
            current = recorder()
            if current is not None:
                current.call(self, n, work, args, check=True)
                return -1
        return self.serial(*args, 0, n)

    def __call__(self, n, work, *args):
        """Run for 0 <= i < n; `work` is about how many elements that touches."""
        if recorders:
            current = recorder()
            if current is not None:
                current.call(self, n, work, args)
                return
        if work >= PARALLEL_WORK:
            threads.split(self.serial, n, args)
        else:
            self.serial(*args, 0, n)


def range_kernel(function=None, *, options=OPTIONS, tiled=False):
    """Decorate f(*args, lo, hi): called as f(n, work, *args).

    `tiled`: its time goes into tiles that it writes out as vectors itself, so that programs need not wait for
    LLVM to unroll and vectorize its other loops.
    """
    if function is None:
        return lambda f: RangeKernel(f, options, tiled)
    return RangeKernel(function, options, tiled)
