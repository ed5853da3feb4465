"""Where device arrays live and kernels run: a GPU, the simulator, or nowhere while kernels are only compiled.

The three have one face.  Arrays of the last two are NumPy's, but of a class that gives views and refuses to
compute, as only kernels may: what runs there needs nothing that a GPU would not do.
"""
import importlib.util
import os
import threading
from contextlib import contextmanager

import numpy as np

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
SIMULATED_DEVICES = 2
GARBAGE = 0x7B                  # bytes that nobody has written: large numbers, as nothing may rely on zeros


class Here(threading.local):
    """The device that this thread's kernels run on."""

    device = 0


here = Here()


# ---- arrays without a GPU
_VIEWS = {np.may_share_memory, np.shares_memory, np.moveaxis, np.swapaxes, np.transpose, np.expand_dims,
          np.squeeze, np.broadcast_to, np.ndim, np.shape, np.size, np.flip, np.split, np.reshape, np.ravel}


class DeviceArray(np.ndarray):
    """An array that stands for one on a device: views of it can be taken, all else is refused."""

    _device = 0

    def __array_finalize__(self, source):
        if source is not None:
            self._device = getattr(source, "_device", 0)

    def __array_ufunc__(self, ufunc, method, *inputs, **more):
        raise TypeError(f"numpy.{ufunc.__name__} on a device array: only CUDA kernels compute there")

    def __array_function__(self, function, kinds, args, kwargs):
        if function not in _VIEWS:
            raise TypeError(f"numpy.{function.__name__} on a device array: only CUDA kernels compute there")
        more = {"subok": True} if function is np.broadcast_to else {}
        found = super().__array_function__(function, kinds, args, {**kwargs, **more})
        for x in found if isinstance(found, (list, tuple)) else [found]:
            if isinstance(x, np.ndarray) and x.size and not np.may_share_memory(x, self):
                raise TypeError(f"numpy.{function.__name__} copies this device array: make it contiguous")
        return found

    def __getitem__(self, key):
        if any(isinstance(k, (np.ndarray, list)) for k in (key if type(key) is tuple else (key,))):
            raise TypeError("elements of a device array at places that are values: use a gather kernel")
        key = key if type(key) is tuple else (key,)
        return super().__getitem__(key if any(k is ... for k in key) else (*key, ...))

    def __setitem__(self, key, value):
        raise TypeError("values given to a part of a device array: use arrays.assign")

    def reshape(self, *shape, order="C"):
        found = super().reshape(*shape, order=order)
        if found.size and not np.may_share_memory(found, self):
            raise TypeError("reshape copies this device array; make it contiguous first")
        return found

    def ravel(self, order="C"):
        return self.reshape(-1)


def _refuse(name):
    def method(self, *_, **__):
        raise TypeError(f"{name} of a device array: only CUDA kernels compute there")
    method.__name__ = name
    setattr(DeviceArray, name, method)


for _name in (
        "__bool__", "__int__", "__float__", "__complex__", "__index__", "__iter__", "__contains__",
        "__array__", "item", "tolist", "min", "max", "sum", "prod", "mean", "std", "var", "any", "all",
        "argmin", "argmax", "argsort", "sort", "cumsum", "cumprod", "take", "put", "repeat", "choose",
        "compress", "nonzero", "searchsorted", "dot", "clip", "round", "tobytes", "tofile", "partition",
        "astype", "copy", "argpartition", "byteswap", "conj", "conjugate", "trace", "fill", "flatten",
        "diagonal"):
    _refuse(_name)


class Backend:
    """What the backends without a GPU share: memory of the host that stands for a device's."""

    count = SIMULATED_DEVICES
    name = "simulator"
    automatic = False           # whether tensors are placed there that nobody has placed

    def empty(self, shape, dtype):
        """An uninitialised C-contiguous array on this thread's device."""
        made = np.empty(shape, dtype)
        if made.ndim and made.nbytes:
            made.view(np.uint8).fill(GARBAGE)
        return self._on_here(made)

    def _on_here(self, array):
        made = array.view(DeviceArray)
        made._device = here.device
        return made

    def from_host(self, array):
        """A copy of a NumPy array on this thread's device."""
        return self._on_here(np.array(array, order="C"))

    def to_host(self, array):
        """A NumPy array with the values, once they are there."""
        return np.array(array.view(np.ndarray), order="C")

    def from_device(self, array):
        """A copy of a contiguous array of any device on this thread's."""
        return self._on_here(self.to_host(array))

    def device_of(self, array):
        """The number of the device that an array lives on."""
        return array._device

    def is_array(self, x):
        """Whether x is an array of a device."""
        return isinstance(x, DeviceArray)

    def enter(self, device):
        """Let this thread's kernels run on a device."""
        here.device = device

    def capability(self):
        """The compute capability that this thread's device stands for."""
        return 9, 0

    def stream(self):
        """What orders this thread's work on its device."""
        return None

    def wait_for(self, stream):
        """Let this thread's work wait for what another stream has been given until now."""

    def hold_back(self, stream):
        """Let another stream, which may be given our operands' memory anew, wait for this thread's work."""

    def synchronize(self):
        """Wait for all that this thread has launched on its device."""

    def shares(self, a, b):
        """Whether two arrays may have memory in common."""
        return np.may_share_memory(a, b)

    def prepared(self, kernel, blocks, threads, args):
        """A function (values, out) that launches a kernel on values and a result like those in `args`."""
        def launch_again(values, out):
            kernel(blocks, threads, *[self.strided(x, like.shape, like.strides) if self.is_array(x) else x
                                      for x, like in zip((*values, out), args, strict=True)])
        return launch_again

    def strided(self, array, shape, strides):
        """A view of other extents and strides, in bytes, from the array's first element on."""
        return np.lib.stride_tricks.as_strided(array, shape, strides, subok=True)


class NotCapturable(Exception):
    """Work between launches that can't be captured: it needs the host."""


class _Captured:
    """Launches of the simulator, to be repeated on the same arrays."""

    def __init__(self, launch):
        self.launches, self._launch = [], launch

    def replay(self):
        """Launch them again."""
        for launch in self.launches:
            self._launch(*launch)


class Simulator(Backend):
    """Runs kernels as Python."""

    def __init__(self):
        from . import simulation
        self._run, self._lock = simulation.run, threading.RLock()
        self._capturing = None

    def captured(self, launches):
        """What a function that only launches gives, and its launches, which are not run again by that.

        None where something between the launches can't be captured.
        """
        results = launches()
        self._capturing = made = _Captured(self.launch)
        try:
            made.results = launches()
        except NotCapturable:
            made = None
        finally:
            self._capturing = None
        return results, made

    def from_host(self, array):
        """A copy of a NumPy array on this thread's device."""
        self.refuse_capture("a copy from the host")
        return super().from_host(array)

    def to_host(self, array):
        """A NumPy array with the values."""
        self.refuse_capture("a copy to the host")
        return super().to_host(array)

    def refuse_capture(self, what):
        """Raise NotCapturable if launches are being captured."""
        if self._capturing is not None:
            raise NotCapturable(what)

    def launch(self, kernel, blocks, threads, args, shared):
        """Run a kernel on a grid."""
        for x in args:
            if isinstance(x, np.ndarray) and (not isinstance(x, DeviceArray) or x._device != here.device):
                where = f"device {x._device}" if isinstance(x, DeviceArray) else "the host"
                raise TypeError(f"{kernel.__name__}: an array of {where} on device {here.device}")
        kernel.types(args)
        if self._capturing is not None:
            self._capturing.launches.append((kernel, blocks, threads, args, shared))
            return
        given = [x.view(np.ndarray) if isinstance(x, np.ndarray) else _NUMPY.get(type(x), _same)(x)
                 for x in args]
        with self._lock:                # (numba's simulator knows one kernel at a time)
            self._run(kernel.function, blocks, threads, given, shared)


def _same(x):
    return x


_NUMPY = {bool: np.bool_, int: int, float: np.float64}


class Compiler(Backend):
    """Compiles what is launched, for several compute capabilities, and notes what it takes."""

    name = "compiler"

    def __init__(self, capabilities=((8, 0), (9, 0))):
        self.capabilities, self.compiled = capabilities, {}        # (function, types, capability) -> Code
        self.answer = 1                 # what launches read that look at a number of the device

    def empty(self, shape, dtype):
        """An array, of which nothing will be read."""
        return self._on_here(np.ones(shape, dtype))

    def to_host(self, array):
        """An array of `answer`s."""
        return np.full(array.shape, self.answer, array.dtype)

    def captured(self, launches):
        """What a function that only launches gives, and nothing to repeat."""
        results = launches()
        made = _Captured(None)
        made.results = results
        return results, made

    def launch(self, kernel, blocks, threads, args, shared):
        """Compile the kernel for its arguments."""
        from .parameters import packed, sizes
        from .toolchain import compiled_for
        types, taken = kernel.types(args), sizes(args)
        if (kernel.function, types, self.capabilities[0]) not in self.compiled:
            found = compiled_for(kernel.function, types, self.capabilities)
            for capability, code in zip(self.capabilities, found, strict=True):
                self.compiled[kernel.function, types, capability] = code
        code = self.compiled[kernel.function, types, self.capabilities[0]]
        if list(code.parameters) != taken or len(packed(args, _no_address)) != len(taken):
            raise TypeError(f"{kernel.__name__}: takes parameters of {list(code.parameters)} bytes, "
                            f"{taken} would be given")


def _no_address(array):
    return 0


# ---- the one in use
_current = None
_looked = False
_lock = threading.Lock()


def available():
    """The backend of this machine, None where there is neither a GPU nor the simulator."""
    global _current, _looked
    if not _looked:
        with _lock:
            if not _looked:
                _current, _looked = _found(), True
    return _current


def installed():
    """Whether the packages are there that a GPU needs, or the simulator is on."""
    return SIMULATED or all(importlib.util.find_spec(name) is not None for name in ("cupy", "numba_cuda"))


def _found():
    if SIMULATED:
        return Simulator()
    if not installed():
        return None
    from . import gpu
    return gpu.found()


def current():
    """The backend in use; RuntimeError where there is none."""
    found = available()
    if found is None:
        raise RuntimeError("no GPU: CUDA kernels need one, and the packages of `pip install numbaflow[cuda]`")
    return found


@contextmanager
def using(backend):
    """Let another backend run kernels, in all threads, for as long as the context is open."""
    global _current, _looked
    before = _current, _looked
    _current, _looked = backend, True
    try:
        yield backend
    finally:
        _current, _looked = before
