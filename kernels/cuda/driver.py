"""NVIDIA's driver: compiled kernels loaded and launched.

The one idea: a kernel's parameters are 64-bit slots that are written anew for each launch and passed by
address, so a launch is one call of the driver and no allocation.
"""
import ctypes
import threading

_ATTRIBUTES = 75, 76            # CUdevice_attribute: the compute capability, major and minor
_MOST_SHARED = 8                # CUfunction_attribute: the dynamic shared memory that a launch may ask for
_FREE_SHARED = 48 * 1024        # bytes of it that need no asking
_EARLIER = {700, 702, *range(714, 720)}         # CUresults of what a kernel did that was launched before


class Loaded:
    """A kernel in one context: its function, and the slots that its parameters are written to."""

    __slots__ = ("function", "lock", "module", "name", "places", "shared", "slots")

    def __init__(self, name, function, module, count):
        self.name, self.function, self.module = name, function, module
        self.lock, self.shared = threading.Lock(), _FREE_SHARED
        self.slots = (ctypes.c_int64 * max(count, 1))()
        first = ctypes.addressof(self.slots)
        self.places = (ctypes.c_void_p * max(count, 1))(*[first + 8 * k for k in range(count)])


class Driver:
    """What is asked of the driver's library."""

    def __init__(self, library):
        self._library = library
        number, address = ctypes.c_uint, ctypes.c_void_p
        library.cuLaunchKernel.argtypes = [address, *[number] * 7, *[address] * 3]
        library.cuModuleLoadData.argtypes = [address, ctypes.c_char_p]
        library.cuModuleGetFunction.argtypes = [address, address, ctypes.c_char_p]
        library.cuFuncSetAttribute.argtypes = [address, ctypes.c_int, ctypes.c_int]
        library.cuGetErrorName.argtypes = library.cuGetErrorString.argtypes = [ctypes.c_int, address]
        self._launch = library.cuLaunchKernel

    def count(self):
        """The number of GPUs that answer."""
        found = ctypes.c_int(0)
        failed = self._library.cuInit(0) or self._library.cuDeviceGetCount(ctypes.byref(found))
        return 0 if failed else found.value

    def capability(self, device):
        """The compute capability of a device."""
        found = [ctypes.c_int(0) for _ in _ATTRIBUTES]
        for value, attribute in zip(found, _ATTRIBUTES, strict=True):
            self._library.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        return tuple([value.value for value in found])

    def load(self, name, code):
        """A compiled kernel in this thread's context; `name` is what errors call it."""
        module, function, library = ctypes.c_void_p(), ctypes.c_void_p(), self._library
        status = library.cuModuleLoadData(ctypes.byref(module), code.cubin)
        status = status or library.cuModuleGetFunction(ctypes.byref(function), module, code.name.encode())
        if status:
            self._refuse(status, name, "can't load its code")
        return Loaded(name, function, module, len(code.parameters))

    def launch(self, loaded, blocks, threads, shared, stream, slots):
        """Launch a kernel on a stream, for its parameters as numbers of 64 bits."""
        with loaded.lock:               # (the driver has read the slots when the call returns)
            if shared > loaded.shared:
                self._allow(loaded, shared)
            loaded.slots[:len(slots)] = slots
            status = self._launch(loaded.function, *blocks, *threads, shared, stream, loaded.places, None)
        if status:
            self._refuse(status, loaded.name, f"did not launch it on {blocks} blocks of {threads} threads")

    def _allow(self, loaded, shared):
        status = self._library.cuFuncSetAttribute(loaded.function, _MOST_SHARED, shared)
        if status:
            self._refuse(status, loaded.name, f"gives it no {shared} bytes of shared memory")
        loaded.shared = shared

    def _refuse(self, status, name, what):
        error, text = [self._said(f, status) for f in (self._library.cuGetErrorName,
                                                       self._library.cuGetErrorString)]
        hint = ", of a kernel that ran before it" if status in _EARLIER else ""
        raise RuntimeError(f"{name}: the driver {what}: {error or status} ({text}){hint}")

    def _said(self, function, status):
        text = ctypes.c_char_p()
        function(status, ctypes.byref(text))
        return text.value.decode() if text.value else ""
