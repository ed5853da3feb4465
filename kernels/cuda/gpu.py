"""The GPU backend: CuPy's arrays, memory pool and streams, and our cubins launched through the driver.

The one idea: a kernel's parameters are 64-bit slots that are written anew for each launch and passed by
address, so a launch is one call of the driver and no allocation.  A thread works on a stream of its own on
each device; nothing waits for a stream but `to_host` and `synchronize`.
"""
import collections
import ctypes
import threading

import numpy as np

from .backend import NotCapturable, here
from .parameters import packed
from .toolchain import compiled


def found():
    """The backend, None where no GPU answers."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        count = ctypes.c_int(0)
        if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
            return None
    except OSError:                     # no driver
        return None
    return Gpu(driver, count.value)


def _address(array):
    return array.data.ptr


class _Streams(threading.local):
    def __init__(self):
        self.of = {}                    # device -> this thread's stream


class _Capturing(threading.local):
    capturing = False


class _Captured:
    """A CUDA graph and the memory that it works on."""

    def __init__(self, graph, pool, results, stream):
        self._graph, self._pool, self.results, self._stream = graph, pool, results, stream

    def replay(self):
        """Launch all of it on this thread's stream."""
        self._graph.launch(self._stream())


class _Loaded:
    """A kernel in one context: its function, and the slots that its parameters are written to."""

    __slots__ = ("function", "lock", "module", "places", "slots")

    def __init__(self, function, module, count):
        self.function, self.module, self.lock = function, module, threading.Lock()
        self.slots = (ctypes.c_int64 * max(count, 1))()
        first = ctypes.addressof(self.slots)
        self.places = (ctypes.c_void_p * max(count, 1))(*[first + 8 * k for k in range(count)])


class Gpu:
    """All GPUs of the machine."""

    name = "GPU"
    automatic = True

    def __init__(self, driver, count):
        import cupy
        self._cupy, self._driver, self.count = cupy, driver, count
        self._streams, self._pinned = _Streams(), collections.deque()
        self._capabilities, self._lock, self._here = {}, threading.Lock(), _Capturing()
        launch = driver.cuLaunchKernel
        launch.argtypes = [ctypes.c_void_p, *[ctypes.c_uint] * 7, *[ctypes.c_void_p] * 3]
        self._launch = launch

    # ---- devices and streams
    def enter(self, device):
        """Let this thread's kernels run on a device."""
        if device != here.device or device not in self._streams.of:
            self._cupy.cuda.Device(device).use()
            here.device = device
            self.stream().use()

    def stream(self):
        """This thread's stream on its device."""
        found = self._streams.of.get(here.device)
        if found is None:
            with self._cupy.cuda.Device(here.device):
                found = self._streams.of[here.device] = self._cupy.cuda.Stream(non_blocking=True)
            self._cupy.cuda.Device(here.device).use()
            found.use()
        return found

    def wait_for(self, stream):
        """Let this thread's work wait for what another stream, of any device, has been given until now."""
        self.stream().wait_event(self._mark(stream))

    def hold_back(self, stream):
        """Let another stream, which may be given our operands' memory anew, wait for this thread's work."""
        stream.wait_event(self._mark(self.stream()))

    def _mark(self, stream):
        """An event at the end of what a stream has been given; it must be made on the stream's device."""
        with self._cupy.cuda.Device(stream.device_id):
            event = self._cupy.cuda.Event(disable_timing=True)
            event.record(stream)
        return event

    def synchronize(self):
        """Wait for all that this thread has launched on its device."""
        self.stream().synchronize()

    # ---- arrays
    def is_array(self, x):
        """Whether x is an array of a device."""
        return isinstance(x, self._cupy.ndarray)

    def device_of(self, array):
        """The number of the device that an array lives on."""
        return array.device.id

    def empty(self, shape, dtype):
        """An uninitialised C-contiguous array on this thread's device, from the pool."""
        self.stream()
        return self._cupy.empty(shape, dtype)

    def strided(self, array, shape, strides):
        """A view of other extents and strides, in bytes, from the array's first element on."""
        return self._cupy.ndarray(shape, array.dtype, array.data, strides)

    def shares(self, a, b):
        """Whether two arrays may have memory in common."""
        return self._cupy.may_share_memory(a, b)

    def from_host(self, array):
        """A copy of a NumPy array on this thread's device, by way of pinned memory; it does not wait."""
        self._refuse_capture("a copy from the host")
        made, stream = self.empty(array.shape, array.dtype), self.stream()
        if array.size:
            pinned = self._cupy.cuda.alloc_pinned_memory(array.nbytes)
            staged = np.frombuffer(pinned, array.dtype, array.size).reshape(array.shape)
            np.copyto(staged, array)
            made.data.copy_from_host_async(ctypes.c_void_p(pinned.ptr), array.nbytes, stream)
            self._keep(pinned, stream)
        return made

    def _keep(self, pinned, stream):
        """Hold a pinned buffer until the copy from it is done."""
        event = self._cupy.cuda.Event(disable_timing=True)
        event.record(stream)
        with self._lock:
            self._pinned.append((event, pinned))
            while self._pinned and self._pinned[0][0].done:
                self._pinned.popleft()

    def to_host(self, array):
        """A NumPy array with the values, once they are there: a point of synchronisation."""
        self._refuse_capture("a copy to the host")
        return self._cupy.asnumpy(array, stream=self.stream(), order="C")

    def from_device(self, array):
        """A copy of a contiguous array of any device on this thread's."""
        made, own = self.empty(array.shape, array.dtype), self.stream()
        if array.size:
            made.data.copy_from_device_async(array.data, array.nbytes, own)
        return made

    # ---- captured launches
    def captured(self, launches):
        """What a function that only launches gives, and its launches as a CUDA graph.

        Both runs take memory from a pool of the graph's own, which the first run fills, so the second
        allocates nothing, and nobody else is given that memory afterwards.
        """
        cuda, stream = self._cupy.cuda, self.stream()
        pool = cuda.MemoryPool()
        with cuda.using_allocator(pool.malloc):
            results = launches()
        results = [array.copy() for array in results]
        with cuda.using_allocator(pool.malloc):
            self._here.capturing = True
            stream.begin_capture()
            try:
                kept = launches()
            finally:
                self._here.capturing = False
                graph = stream.end_capture()
        return results, _Captured(graph, pool, kept, self.stream)

    def _refuse_capture(self, what):
        if self._here.capturing:
            raise NotCapturable(what)

    # ---- kernels
    def capability(self):
        """The compute capability of this thread's device."""
        found = self._capabilities.get(here.device)
        if found is None:
            text = self._cupy.cuda.Device(here.device).compute_capability
            found = self._capabilities[here.device] = int(text[:-1]), int(text[-1])
        return found

    def launch(self, kernel, blocks, threads, args, shared):
        """Run a kernel on a grid, on this thread's stream."""
        stream = self.stream()
        key = here.device, kernel.types(args)
        loaded = kernel.compiled.get(key)
        if loaded is None:
            loaded = kernel.compiled[key] = self._load(kernel, key[1])
        values = packed(args, _address)
        with loaded.lock:               # (the driver has read the slots when the call returns)
            loaded.slots[:len(values)] = values
            status = self._launch(loaded.function, *blocks, *threads, shared, stream.ptr, loaded.places, None)
        if status:
            raise RuntimeError(f"{kernel.__name__}: the driver refused to launch it on {blocks} blocks of "
                               f"{threads} threads: error {status}")

    def _load(self, kernel, types):
        code = compiled(kernel.function, types, self.capability())
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        driver, name = self._driver, code.name.encode()
        status = driver.cuModuleLoadData(ctypes.byref(module), code.cubin)
        status = status or driver.cuModuleGetFunction(ctypes.byref(function), module, name)
        if status:
            raise RuntimeError(f"{kernel.__name__}: the driver can't load its code: error {status}")
        return _Loaded(function, module, len(code.parameters))
