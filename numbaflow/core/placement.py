"""Tensors on GPUs: where tensors are, and their copies elsewhere.

A copy of a traced tensor is recorded, so its gradient is copied back.  The work of several threads is put
in order by the streams that made the tensors.
"""
from numbaflow.kernels.cuda import backend

from . import table
from .abstract import Traced
from .accumulate import accumulate
from .device import HOST, in_scope_of_cpu, in_scope_of_gpu, name_of, num_gpus, place, places, unknown
from .tape import record, silent
from .tensor import Tensor, wrap

_new = object.__new__
_OWN = object()


class DeviceTensor(Tensor):
    """A tensor on a GPU.  Who asks for its value (`numpy()`, printing, `bool()`) waits; nothing else does."""

    __slots__ = ("_place", "_stream")
    is_elsewhere = True

    device = backing_device = property(lambda self: name_of(self._place), doc="Where the value lives.")

    # ---- what the core asks of it
    def _take_call(self, face, arguments):
        return places.run(face.op, arguments)

    def _no_value(self):
        return "a tensor on a GPU"

    def _renewed(self):
        return wrapped(self._data, self._place, self._stream)

    def _filled(self, number):
        backend.current().enter(self._place)
        return wrapped(device_arrays().full(self._data.shape, number, self._dtype), self._place)

    # ---- its value
    def _fetched(self):
        return fetch(self)

    def numpy(self):
        """The value as a NumPy array of your own, or a NumPy scalar for a 0-d tensor, once it is there."""
        found = fetch(self)
        return found if found.ndim else found[()]

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("the array of a tensor on a GPU needs a copy")
        return fetch(self).astype(dtype or self._dtype, copy=False)

    def __dlpack__(self, **arguments):
        with Using([self], self._place):        # (who asks waits for this thread's stream)
            return self._data.__dlpack__(**arguments)

    @property
    def __cuda_array_interface__(self):
        with Using([self], self._place):
            return self._data.__cuda_array_interface__


def device_arrays():
    """The module `kernels.cuda.arrays`, which is imported where there is a GPU only."""
    from numbaflow.kernels.cuda import arrays
    return arrays


def wrapped(array, at, stream=_OWN):
    """The tensor of an array of a GPU that nobody will write to, made by this thread or on that stream."""
    t = _new(DeviceTensor)
    t._data, t._dtype, t._node, t._place = array, array.dtype, None, at
    t._stream = backend.current().stream() if stream is _OWN else stream
    places.used = True
    return t


def fetch(tensor):
    """The NumPy array of a tensor of any place."""
    if type(tensor) is not DeviceTensor:
        return tensor._data
    with Using([tensor], tensor._place) as found:
        return found.to_host(tensor._data)


class Using:
    """The backend, on a device, in order with the streams that made some tensors or wrote to variables."""

    __slots__ = ("_backend", "_others")

    def __init__(self, tensors, at):
        self._backend = found = backend.current()
        found.enter(at)
        own = found.stream()
        self._others = {t._stream for t in tensors if getattr(t, "_stream", own) is not own}

    def __enter__(self):
        for stream in self._others:
            self._backend.wait_for(stream)
        return self._backend

    def __exit__(self, *exc):
        for stream in self._others:
            self._backend.hold_back(stream)


# ---- copies
def place_of(tensor):
    """Where a tensor, or a variable, is."""
    return getattr(tensor, "_place", HOST)


def move(tensor, to):
    """The tensor at a place: itself, or a copy, which tapes hear of."""
    source = place_of(tensor)
    if source == to:
        return tensor
    made = _copied(tensor, source, to)
    if tensor._node is not None:
        record(_Copy(source), (tensor,), made)
    return made


def _copied(tensor, source, to):
    if to is HOST:
        return wrap(fetch(tensor))
    if source is HOST:
        found = backend.current()
        found.enter(to)
        return wrapped(found.from_host(tensor._data), to)
    with Using([tensor], source) as found:
        data, stream = device_arrays().contiguous(tensor._data), found.stream()
    found.enter(to)
    if stream is not None:
        found.wait_for(stream)
    made = wrapped(found.from_device(data), to)
    if stream is not None:
        found.hold_back(stream)
    return made


class _Copy:
    """What the tape sees of a copy: an op and its plan in one, whose gradient goes back to the source."""

    name, variadic = "copy", ()
    multiple, partial, count, chosen, plain, keeps = False, False, 1, None, True, False

    def __init__(self, source):
        self._source, self.plans = source, {1: self}

    def collect(self, inputs, output, attributes):
        return ()

    def run(self, g, saved):
        return (move(g, self._source),)

    def backward(self, g, saved, nodes, grads):
        accumulate(grads, nodes, self.run(g, saved))


def brought(tensor, to):
    """The tensor at a place, of which no tape hears."""
    with silent():
        return move(tensor, to)


def beside(gradient, tensor):
    """A gradient, tensor or slices or None, at the place of what it belongs to."""
    to = place_of(tensor)
    if isinstance(gradient, Tensor) and not isinstance(gradient, Traced):
        return move(gradient, to)
    return gradient


def copy(tensor, to):
    """A copy at a place, a new tensor also where that is the tensor's own."""
    return table.face("identity")(tensor) if place_of(tensor) == to else move(tensor, to)


def fresh(tensor):
    """A new tensor where this thread's scope, or automatic placement, puts it."""
    to = place()
    return tensor if to is HOST else move(tensor, to)


def to_gpu(tensor, index):
    """`tensor.gpu(index)`."""
    if not 0 <= index < num_gpus():
        raise unknown(f"GPU:{index}")
    return copy(tensor, index)


def chosen(tensors):
    """Where an op of these tensors, or variables, runs."""
    if in_scope_of_gpu():
        return place()
    if in_scope_of_cpu():
        return HOST
    return next((t._place for t in tensors if place_of(t) is not HOST), HOST if tensors else place())


places.tensor, places.fresh, places.to_gpu = DeviceTensor, fresh, to_gpu
places.fetch, places.copy, places.beside = fetch, copy, beside
