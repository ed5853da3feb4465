"""The GPU backend: CuPy's arrays, memory pool and streams, and our kernels launched through the driver.

A thread works on a stream of its own on each device; nothing waits for a stream but `to_host` and
`synchronize`.
"""
import collections
import ctypes
import importlib
import threading
import warnings
from contextlib import contextmanager

import numpy as np

from .backend import NotCapturable, here
from .driver import Driver
from .parameters import bits, packed, places
from .toolchain import OLDEST, compiled

_DEFAULT = 0, 1, 2              # cudaStream_t: the default streams


def found():
    """The backend, None where no GPU answers, or none that kernels can be compiled for."""
    try:
        driver = Driver(ctypes.CDLL("libcuda.so.1"))
    except OSError:                     # no driver
        return None
    count = driver.count()
    if not count:
        return None
    oldest = min(driver.capability(k) for k in range(count))
    if oldest < OLDEST:
        return _without(f"one of them has compute capability {oldest}, {OLDEST} is the oldest")
    try:
        return Gpu(importlib.import_module("cupy"), driver, count)
    except ImportError as error:        # (CuPy is there, but not what it needs)
        return _without(error)


def _without(why):
    warnings.warn(f"the GPUs are not used: {why}", RuntimeWarning, stacklevel=2)


def _address(array):
    return array.data.ptr


class _Lent(dict):
    """A thread's own streams, by device.  When it ends the next one has them, and the memory that CuPy keeps
    for each stream."""

    def __init__(self, idle):
        super().__init__()
        self._idle = idle

    def __del__(self):
        for device, stream in self.items():
            self._idle[device].append(stream)


class _Thread(threading.local):
    """What a thread has: its own streams, those that it works on, and whether it captures."""

    def __init__(self, idle):
        self.own, self.streams, self.capturing = _Lent(idle), {}, False


class _Captured:
    """A CUDA graph and the memory that it works on."""

    def __init__(self, graph, pool, results, stream):
        self._graph, self._pool, self.results, self._stream = graph, pool, results, stream

    def replay(self):
        """Launch all of it on this thread's stream."""
        self._graph.launch(self._stream())


class Gpu:
    """All GPUs of the machine.

    A thread works on CuPy's current stream; one of its own takes the place of CuPy's default stream, so what
    it does through CuPy itself is in order with its ops.
    """

    name = "GPU"
    automatic = True

    def __init__(self, cupy, driver, count):
        self._cupy, self._driver, self.count = cupy, driver, count
        self._idle: dict = collections.defaultdict(list)        # device -> streams of threads that ended
        self._thread, self._pinned = _Thread(self._idle), collections.deque()
        self._capabilities, self._lock = {}, threading.Lock()

    # ---- devices and streams
    def enter(self, device):
        """Let this thread's kernels run on a device."""
        cuda = self._cupy.cuda
        if cuda.runtime.getDevice() != device:          # (a program may have chosen another through CuPy)
            cuda.Device(device).use()
        here.device = device
        last = self._thread.streams.get(device)
        if last is None or cuda.get_current_stream() is not last:
            self._work_on_current(last)

    def stream(self):
        """This thread's stream on its device."""
        found = self._thread.streams.get(here.device)
        if found is None:
            self._cupy.cuda.Device(here.device).use()   # (makes its context the thread's)
            found = self._work_on_current(None)
        return found

    def _work_on_current(self, last):
        """Go on with CuPy's current stream, or our own instead of the default one, after the last."""
        cuda = self._cupy.cuda
        current = cuda.get_current_stream()
        if current.ptr in _DEFAULT:
            current = self._thread.own.get(here.device) or self._lent()
            current.use()
        if last is not None and last is not current:
            current.wait_event(self._mark(last))
        self._thread.streams[here.device] = current
        return current

    def _lent(self):
        """A stream for this thread to have."""
        try:
            made = self._idle[here.device].pop()
        except IndexError:
            made = self._cupy.cuda.Stream(non_blocking=True)
        self._thread.own[here.device] = made
        return made

    def wait_for(self, stream):
        """Let this thread's work wait for what another stream, of any device, has been given until now."""
        self.stream().wait_event(self._mark(stream))

    def hold_back(self, stream):
        """Let another stream, which may be given our operands' memory anew, wait for this thread's work."""
        stream.wait_event(self._mark(self.stream()))

    def _mark(self, stream):
        """An event at the end of what a stream has been given; it must be made on the stream's device."""
        device = stream.device_id       # (-1 of one that another library made, here)
        with self._cupy.cuda.Device(device if device >= 0 else here.device):
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
        self.refuse_capture("a copy from the host")
        made, stream = self.empty(array.shape, array.dtype), self.stream()
        if array.size:
            pinned = self._cupy.cuda.alloc_pinned_memory(array.nbytes)
            staged = np.frombuffer(pinned, array.dtype, array.size).reshape(array.shape)
            np.copyto(staged, array)
            made.data.copy_from_host_async(pinned.ptr, array.nbytes, stream)
            self._keep(pinned, stream)
        return made

    def _keep(self, pinned, stream):
        """Hold a pinned buffer until the copy from it is done."""
        event = self._mark(stream)
        with self._lock:
            self._pinned.append((event, pinned))
            while self._pinned and self._pinned[0][0].done:
                self._pinned.popleft()

    def to_host(self, array):
        """A NumPy array with the values, once they are there: a point of synchronisation."""
        from .arrays import contiguous
        self.refuse_capture("a copy to the host")
        return self._cupy.asnumpy(contiguous(array), stream=self.stream())

    def from_device(self, array):
        """A copy of a contiguous array of any device on this thread's."""
        made, own = self.empty(array.shape, array.dtype), self.stream()
        if array.size:
            made.data.copy_from_device_async(array.data, array.nbytes, own)
        return made

    def adopted(self, x):
        """An array on the memory of another library's array, after what has been done to it."""
        cuda = self._cupy.cuda
        if hasattr(x, "__dlpack_device__"):
            device, given = x.__dlpack_device__()[1], self._cupy.from_dlpack
        else:                           # (it waits for the stream that x names)
            device, given = self._owner(x.__cuda_array_interface__["data"][0]), self._cupy.asarray
        with cuda.Device(device):
            current = cuda.get_current_stream()         # (on which x was made, if it is CuPy's)
            event = cuda.Event(disable_timing=True)
            event.record(current)
        self.enter(device)
        self.stream().wait_event(event)
        return given(x)

    def _owner(self, address):
        """The device whose memory it is."""
        return self._cupy.cuda.runtime.pointerGetAttributes(address).device if address else here.device

    # ---- captured launches
    def captured(self, launches):
        """What a function that only launches gives, and its launches as a CUDA graph.

        None where they can't be one.  Both runs take memory from a pool of the graph's own, which the first
        run fills, so the second allocates nothing, and nobody else is given that memory afterwards.  They are
        on a stream that no other thread knows: who waited for one that captures would be a part of the graph.
        """
        from .arrays import copy
        cuda = self._cupy.cuda
        self.stream()
        apart, pool = cuda.Stream(non_blocking=True), cuda.MemoryPool()
        with self._on(apart), cuda.using_allocator(pool.malloc):
            results = launches()
        results = [copy(array) for array in results]
        with self._on(apart), cuda.using_allocator(pool.malloc):
            graph, kept = self._recorded(launches, apart)
        return results, None if graph is None else _Captured(graph, pool, kept, self.stream)

    @contextmanager
    def _on(self, stream):
        """Let this thread work on another stream for a while, in order with its own."""
        own = self.stream()
        stream.wait_event(self._mark(own))
        self._thread.streams[here.device] = stream
        stream.use()
        try:
            yield
        finally:
            self._thread.streams[here.device] = own
            own.use()
            own.wait_event(self._mark(stream))

    def _recorded(self, launches, stream):
        """The graph of launches on a stream, which have just run well, and what they give; else two Nones."""
        kept = graph = None
        stream.begin_capture()
        self._thread.capturing = True
        try:
            kept = launches()
        except (NotCapturable, RuntimeError):       # (CuPy's errors are RuntimeErrors)
            kept = None
        finally:
            self._thread.capturing = False
            try:
                graph = stream.end_capture()
            except RuntimeError:                    # something in it was not allowed
                graph = None
        return (None, None) if kept is None or graph is None else (graph, kept)

    def refuse_capture(self, what):
        """Raise NotCapturable if this thread's launches are being captured."""
        if self._thread.capturing:
            raise NotCapturable(what)

    # ---- kernels
    def capability(self):
        """The compute capability of this thread's device."""
        found = self._capabilities.get(here.device)
        if found is None:
            found = self._capabilities[here.device] = self._driver.capability(here.device)
        return found

    def launch(self, kernel, blocks, threads, args, shared):
        """Run a kernel on a grid, on this thread's stream."""
        stream, key = self.stream(), (self, here.device, kernel.types(args))
        loaded = kernel.compiled.get(key)
        if loaded is None:
            code = compiled(kernel.function, key[2], self.capability())
            loaded = kernel.compiled[key] = self._driver.load(kernel.__name__, code)
        self._driver.launch(loaded, blocks, threads, shared, stream.ptr, packed(args, _address))

    def prepared(self, kernel, blocks, threads, args):
        """A function (values, out) that launches a kernel on values and a result like those in `args`.

        `launch` has seen these; only addresses and numbers are written anew.
        """
        loaded = kernel.compiled[self, here.device, kernel.types(args)]
        template, at = packed(args, _address), places(args)
        blocks, threads, is_array = (blocks, 1, 1), (threads, 1, 1), self.is_array

        def launch_again(values, out):
            slots = template.copy()
            for k, x in zip(at, (*values, out), strict=True):
                slots[k] = x.data.ptr if is_array(x) else bits(x)
            self._driver.launch(loaded, blocks, threads, 0, self.stream().ptr, slots)
        return launch_again
