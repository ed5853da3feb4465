"""A machine with GPUs whose memory is the host's: stands in for CuPy and for NVIDIA's driver.

The one idea: a stream does its work as late as it may, when somebody waits for it, and memory that is freed
is given to the next who asks on its stream.  So values are wrong wherever the backend does not keep work in
order or buffers alive.  Kernels are launched through real foreign functions, which read parameters' slots.
"""
import ctypes
import threading
from collections import defaultdict
from contextlib import contextmanager
from functools import partial
from math import prod
from types import SimpleNamespace

import numpy as np
from numba import types
from numba.np.numpy_support import as_dtype
from numbaflow.kernels.cuda import simulation
from numbaflow.kernels.cuda.backend import DeviceArray
from numbaflow.kernels.cuda.toolchain import Code

UNIT = 64
NOT_READY, ILLEGAL = 1, 700             # numbers of errors


class DriverError(RuntimeError):
    """What CuPy raises for an error of the driver."""


# ---- streams
class Stream:
    """A queue of work.  While it captures, work goes to the graph instead."""

    def __init__(self, machine, device, default=False):
        self.machine, self.device_id = machine, -1 if default else device
        self.ptr = 0 if default else 0x7F0000000000 + 16 * len(machine.streams)
        self.queue, self.done, self.graph = [], 0, None
        machine.streams[self.ptr] = self

    def use(self):
        here = self.machine.here
        assert self.device_id in (here.device, -1), "another device's stream"
        here.streams[here.device] = self

    def give(self, work):
        with self.machine.lock:
            (self.queue if self.graph is None else self.graph).append(work)

    def run(self, until):
        with self.machine.lock:
            while self.done < until:
                self.done += 1
                self.queue[self.done - 1]()

    def synchronize(self):
        self._refuse("synchronisation")
        self.run(len(self.queue))

    def wait_event(self, event):
        self._refuse("waiting for what is not in the graph")
        self.machine.waits.append((self, event.stream))
        self.give(partial(event.stream.run, event.at))

    def begin_capture(self):
        self.graph = []

    def end_capture(self):
        made, self.graph = Graph(self.graph), None
        return made

    def _refuse(self, what):
        if self.graph is not None:
            raise DriverError(f"{what} while a stream captures")


class Event:
    """A place in a stream."""

    def __init__(self, machine, disable_timing=False):
        self.device, self.stream, self.at = machine.here.device, None, 0

    def record(self, stream):
        assert stream.device_id in (self.device, -1), "an event of another device"
        stream._refuse("an event that others wait for")
        self.stream, self.at = stream, len(stream.queue)

    done = property(lambda self: self.stream.done >= self.at)


class Graph:
    """Work that was captured."""

    def __init__(self, work):
        self.work = work

    def launch(self, stream):
        for work in self.work:
            stream.give(work)


class Here(threading.local):
    """A thread's device and streams."""

    def __init__(self, machine):
        self.device, self.allocator = 0, None
        self.streams = dict(enumerate(machine.null))


# ---- memory
class Storage(np.ndarray):
    """Bytes of a device, which go back to their pool with the last array on them."""

    free = None

    def __del__(self):
        if self.free is not None:
            self.free.append(self.base)


class Pool:
    """Memory by device, stream and size."""

    def __init__(self, machine):
        self.machine, self.free, self.made = machine, defaultdict(list), 0

    def malloc(self, size):
        device = self.machine.here.device
        size = -(-max(size, 1) // UNIT) * UNIT
        free = self.free[device, self.machine.current().ptr, size]
        raw = free.pop() if free else self._new(size, device)
        storage = raw.view(Storage)
        storage.free = free
        return Pointer(storage, raw.ctypes.data, device)

    def _new(self, size, device):
        self.made += 1
        raw = np.full(size, 0x7B, np.uint8)
        self.machine.memory.append((raw.ctypes.data, size, device, raw))
        return raw


class Pointer:
    """A place in the memory of a device."""

    def __init__(self, storage, ptr, device):
        self.storage, self.ptr, self.device_id = storage, ptr, device

    def copy_from_host_async(self, source, size, stream):
        stream.give(partial(ctypes.memmove, self.ptr, source, size))

    def copy_from_device_async(self, source, size, stream):
        stream.give(partial(ctypes.memmove, self.ptr, source.ptr, size))


class Pinned(np.ndarray):
    """Host memory that copies read later; it is somebody else's as soon as nobody has it."""

    ptr = property(lambda self: self.ctypes.data)

    def __del__(self):
        if type(self.base) is np.ndarray:
            self.base.fill(0xEE)


class Array(DeviceArray):
    """cupy.ndarray"""

    machine = None

    def __new__(cls, shape, dtype=float, memptr=None, strides=None):
        place = memptr.ptr - memptr.storage.ctypes.data if prod(shape) else 0
        made = np.ndarray.__new__(cls, shape, dtype, memptr.storage, place, strides)
        made._device, made.machine = memptr.device_id, memptr.storage.machine
        return made

    def __array_finalize__(self, source):
        super().__array_finalize__(source)
        self.machine = getattr(source, "machine", None)

    device = property(lambda self: SimpleNamespace(id=self._device))

    @property
    def data(self):
        storage = self.base
        while type(storage) is not Storage:
            storage = storage.base
        return Pointer(storage, self.ctypes.data, self._device)

    # ---- other libraries
    @property
    def __cuda_array_interface__(self):
        return {"shape": self.shape, "typestr": self.dtype.str, "strides": self.strides, "version": 3,
                "data": (self.data.ptr, False), "stream": self.machine.current()}

    def __dlpack_device__(self):
        return 2, self._device

    def __dlpack__(self, *, stream):
        with self.machine.device(self._device):
            event = Event(self.machine)
            event.record(self.machine.current())
        stream.wait_event(event)
        return self


class Machine:
    """The machine: `cupy` and `driver`, and what happened."""

    def __init__(self, count=2):
        self.lock, self.streams, self.memory, self.waits = threading.RLock(), {}, [], []
        self.launched, self.codes, self.functions, self.pinned, self.errors = [], [], {}, [], []
        self.null = [Stream(self, k, default=True) for k in range(count)]
        self.here, self.pool = Here(self), Pool(self)
        Storage.machine = self
        runtime = SimpleNamespace(getDevice=lambda: self.here.device, pointerGetAttributes=lambda address: (
            SimpleNamespace(device=self.found(address)[2])))
        self.cupy = SimpleNamespace(
            ndarray=Array, empty=self.empty, asnumpy=self.asnumpy, may_share_memory=np.may_share_memory,
            from_dlpack=self.from_dlpack, asarray=self.asarray,
            cuda=SimpleNamespace(
                Device=self.device, Stream=lambda non_blocking: Stream(self, self.here.device),
                Event=partial(Event, self), MemoryPool=partial(Pool, self), runtime=runtime,
                using_allocator=self.using_allocator, alloc_pinned_memory=self.alloc_pinned,
                get_current_stream=self.current))
        self.driver = Driver(self)

    # ---- CuPy
    def current(self):
        return self.here.streams[self.here.device]

    def device(self, number):
        @contextmanager
        def chosen():
            before, self.here.device = self.here.device, number
            try:
                yield
            finally:
                self.here.device = before
        made = chosen()
        made.use = lambda: setattr(self.here, "device", number)
        return made

    def empty(self, shape, dtype):
        size = prod(shape) * np.dtype(dtype).itemsize
        return Array(shape, dtype, (self.here.allocator or self.pool.malloc)(size))

    def asnumpy(self, array, stream):
        assert array.flags.c_contiguous, "a kernel of CuPy's own"
        stream.synchronize()
        return np.array(array.view(np.ndarray))

    def from_dlpack(self, x):
        with self.device(x.__dlpack_device__()[1]):
            return x.__dlpack__(stream=self.current())      # (streams stand for their addresses)

    def asarray(self, x):
        told = x.__cuda_array_interface__
        _, _, device, raw = self.found(told["data"][0])
        assert device == self.here.device, "this would copy"
        told["stream"].synchronize()
        storage = raw.view(Storage)
        storage.owner = x
        return Array(told["shape"], np.dtype(told["typestr"]), Pointer(storage, told["data"][0], device),
                     told["strides"])

    @contextmanager
    def using_allocator(self, allocator):
        before, self.here.allocator = self.here.allocator, allocator
        try:
            yield
        finally:
            self.here.allocator = before

    def alloc_pinned(self, size):
        raw = np.empty(-(-size // UNIT) * UNIT, np.uint8)
        self.pinned.append(raw)
        return raw.view(Pinned)

    def found(self, address):
        """Whose memory it is."""
        return next(m for m in self.memory if m[0] <= address < m[0] + m[1])

    # ---- the compiler
    def compiled(self, function, signature, capability):
        """Stands in for toolchain.compiled: the code is a number."""
        name, slots = f"kernel_{len(self.codes)}", sum(map(count_of, signature))
        self.codes.append((function, signature, name))
        return Code(name, "", str(len(self.codes) - 1).encode(), None, (8,) * slots)

    # ---- launches
    def launch(self, function, grid, block, stream, places):
        """What the driver does: it reads the parameters, and notes the work."""
        (code, signature, _), device = self.functions[function]
        stream = self.streams[stream]
        assert self.here.device == device == stream.device_id, "another device's kernel or stream"
        assert max(grid[1:]) < 2**16, grid
        assert prod(block) <= 1024, block
        slots = iter((ctypes.c_void_p * sum(map(count_of, signature))).from_address(places))
        args = [self.argument(kind, slots, device) for kind in signature]
        stream.give(partial(self.run, code, grid, block, args))

    def run(self, code, grid, block, args):
        self.launched.append(code.__name__)
        simulation.run(code, grid, block, args)

    def argument(self, kind, slots, device):
        if not isinstance(kind, types.Array):
            dtype = as_dtype(kind)
            found = np.frombuffer(ctypes.string_at(next(slots), dtype.itemsize), dtype)[0]
            return found.item() if kind is types.int64 else found
        numbers = [ctypes.c_int64.from_address(next(slots)).value for _ in range(count_of(kind))]
        (_, _, size, itemsize, address), rest = numbers[:5], numbers[5:]
        shape, strides, dtype = rest[:kind.ndim], rest[kind.ndim:], as_dtype(kind.dtype)
        assert numbers[:2] == [0, 0]
        assert (size, itemsize) == (prod(shape), dtype.itemsize)
        if not size:
            return np.empty(shape, dtype)
        start, _, owner, raw = self.found(address)
        assert owner == device, f"memory of device {owner} in a kernel on device {device}"
        array = np.ndarray(shape, dtype, raw, address - start, strides)
        assert kind.layout == "A" or array.flags.c_contiguous
        return array


def count_of(kind):
    """The slots of a parameter."""
    return 5 + 2 * kind.ndim if isinstance(kind, types.Array) else 1


class Driver:
    """libcuda"""

    def __init__(self, machine):
        address, number = ctypes.c_void_p, ctypes.c_int
        self._machine, self._texts = machine, []

        def load(module, image):
            ctypes.c_void_p.from_address(module).value = 2**40 + int(image)

        def get(function, module, name):
            code = machine.codes[module - 2**40]
            assert code[2] == name.decode()
            handle = 2**44 + len(machine.functions)
            machine.functions[handle] = code, machine.here.device
            ctypes.c_void_p.from_address(function).value = handle

        def launch(function, a, b, c, d, e, f, shared, stream, places, _):
            machine.launch(function, (a, b, c), (d, e, f), stream, places)

        def describe(status, text):
            self._texts.append(ctypes.create_string_buffer(repr(machine.errors[-1:]).encode()))
            ctypes.c_void_p.from_address(text).value = ctypes.addressof(self._texts[-1])

        def capability(value, attribute, device):
            ctypes.c_int.from_address(value).value = {75: 9, 76: 0}[attribute]
        self.cuModuleLoadData = self._made(load, address, ctypes.c_char_p)
        self.cuModuleGetFunction = self._made(get, address, address, ctypes.c_char_p)
        self.cuLaunchKernel = self._made(launch, address, *[ctypes.c_uint] * 7, *[address] * 3)
        self.cuFuncSetAttribute = self._made(lambda *_: None, address, number, number)
        self.cuGetErrorName = self.cuGetErrorString = self._made(describe, number, address)
        self.cuDeviceGetAttribute = self._made(capability, address, number, number)

    def _made(self, function, *kinds):
        def called(*arguments):
            try:
                function(*arguments)
            except Exception as error:
                self._machine.errors.append(error)
                return ILLEGAL
            return 0
        return ctypes.CFUNCTYPE(ctypes.c_int, *kinds)(called)
