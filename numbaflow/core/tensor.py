"""Tensor: an immutable array, and what becomes one.  The operators are installed by the op table.

`_data` is the NumPy array and is never written to, `_dtype` its dtype at hand; `_node` is the tensor's place
on the tapes, None while untraced.
"""
import itertools

import numpy as np

from numbaflow.kernels.memory import empty

from . import dtypes, table
from .device import CPU, HOST, check, device, guard, places
from .dtypes import DType
from .errors import InvalidArgumentError
from .shape import TensorShape
from .tape import stack

_new = object.__new__
guard(globals(), "_new")
_ids = itertools.count(1)


class Operators:
    """The operators of tensors and variables, installed from the table."""

    __slots__ = ()
    __array_priority__ = 100            # np_array * tensor is a tensor


class Tensor(Operators):
    """An immutable array of one dtype on which ops run and record gradients.

    Made by ``nf.constant`` and by every op.  ``t.numpy()`` gives the value.

    >>> import numbaflow as nf
    >>> t = nf.constant([[1.0, 2.0], [3.0, 4.0]])
    >>> print(t * t)
    tf.Tensor(
    [[ 1.  4.]
     [ 9. 16.]], shape=(2, 2), dtype=float32)
    """

    __slots__ = ("__dict__", "__weakref__", "_data", "_dtype", "_node")
    is_elsewhere = False            # whether ops on it are for a trace or a GPU to take

    def __init__(self, value, dtype=None):
        check()
        self._data, self._node = as_array(value, dtype), None
        self._dtype = self._data.dtype

    # ---- what it is
    @property
    def dtype(self):
        """The element type, a DType."""
        return dtypes.of(self._dtype)

    @property
    def shape(self):
        """The shape, a tuple of ints."""
        return TensorShape(self._data.shape)

    def get_shape(self):
        """The shape, a tuple of ints."""
        return TensorShape(self._data.shape)

    ndim = property(lambda self: self._data.ndim, doc="The number of dimensions.")
    device = backing_device = property(lambda self: CPU, doc="Where the value lives.")

    def set_shape(self, shape):
        """Check that the shape is compatible with `shape`, where None stands for any extent."""
        if shape is None:
            return
        wanted = tuple(shape)
        shape = self._data.shape
        if len(wanted) != len(shape) or any(w not in (None, n) for w, n in zip(wanted, shape, strict=True)):
            raise ValueError(f"Tensor's shape {shape} is not compatible with supplied shape {wanted}")

    # ---- its value
    def numpy(self):
        """The value as a NumPy array of your own, or a NumPy scalar for a 0-d tensor."""
        return self._data.copy() if self._data.ndim else self._data[()]

    def tolist(self):
        """The value as nested lists."""
        return self._fetched().tolist()

    def _fetched(self):
        """The NumPy array of the value, to look at only."""
        return self._data

    def __array__(self, dtype=None, copy=None):
        if copy or (dtype is not None and dtype != self._data.dtype):
            if copy is False:
                raise ValueError(f"a tensor of {self.dtype.name} as {dtype} needs a copy")
            return self._data.astype(dtype or self._data.dtype)
        view = self._data.view()
        view.flags.writeable = False
        return view

    def __dlpack__(self, *, max_version=None, **arguments):
        # DLPack can say "read-only" since 1.0; who asks in an older version must not write
        if max_version is None or max_version[0] < 1:
            return self._data.__dlpack__(**arguments)
        return self.__array__().__dlpack__(max_version=max_version, **arguments)

    def __dlpack_device__(self):
        return self._data.__dlpack_device__()

    def __bool__(self):
        return bool(self._fetched())

    def __int__(self):
        return int(self._scalar("int"))

    def __float__(self):
        return float(self._scalar("float"))

    def __complex__(self):
        return complex(self._scalar("complex"))

    def __index__(self):
        if self._data.dtype.kind not in "iu":
            raise TypeError(f"only integer tensors can be an index, got {self.dtype.name}")
        return int(self._scalar("index"))

    def _scalar(self, what):
        if self._data.size != 1:
            raise TypeError(f"only tensors of one element become {what}, got shape {self._data.shape}")
        return self._fetched().item()

    def __len__(self):
        if not self._data.ndim:
            raise TypeError("Scalar tensor has no `len()`")
        return self._data.shape[0]

    def __iter__(self):
        if not self._data.ndim:
            raise TypeError("Cannot iterate over a scalar tensor.")
        return (self[i] for i in range(self._data.shape[0]))

    def __getitem__(self, key):
        return table.face("getitem")(self, key)

    # ---- copies that tapes tell apart
    def _renewed(self):
        """A tensor of the same value that no tape has seen."""
        t = _new(Tensor)
        t._data, t._dtype, t._node = self._data, self._dtype, None
        return t

    def _filled(self, number):
        """A tensor of this shape and dtype, full of a number."""
        if not self._data.ndim:
            # a tensor of its own: users may watch it
            return scalar_tensor(number, self._data.dtype, "gradient")._renewed()
        full = empty(self._data.shape, self._data.dtype)
        full.fill(number)
        return wrap(full)

    # ---- devices
    def cpu(self):
        """A copy on the CPU; differentiable."""
        with device(CPU):
            return places.copy(self, HOST)

    def gpu(self, gpu_index=0):
        """A copy on a GPU; differentiable.  RuntimeError when there is none of that number."""
        return places.to_gpu(self, gpu_index)

    # ---- printing, copying
    def __repr__(self):
        if "_id" not in self.__dict__:
            self._id = next(_ids)
        return (f"<tf.Tensor: id={self._id}, shape={self._data.shape}, dtype={self.dtype.name}, "
                f"numpy={array_text(self._fetched())}>")

    def __str__(self):
        return f"tf.Tensor({_lines(str(self._fetched()))}, shape={self._data.shape}, dtype={self.dtype.name})"

    def __format__(self, spec):
        value = self._fetched()
        return format(value if value.ndim else value.item(), spec)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return _restore, (self._fetched().copy(),)

    __hash__ = object.__hash__

    # ---- what an eager tensor has not
    def _meaningless(self):
        raise AttributeError("Tensor.op, .graph, .name and .value_index are meaningless when eager execution "
                             "is enabled.")

    op = graph = name = value_index = property(_meaningless)

    def eval(self, feed_dict=None, session=None):
        """Not for eager tensors: use `.numpy()`."""
        raise NotImplementedError("eval is not supported when eager execution is enabled, is .numpy() what "
                                  "you're looking for?")


def _lines(text):
    return "\n" + text if "\n" in text else text


def array_text(array):
    """An array as a tensor's or variable's repr shows it."""
    return _lines(repr(array) if array.ndim else str(array[()]))


def _restore(array):
    return Tensor(array)


def wrap(array):
    """The tensor of an array that nobody else will write to."""
    t = _new(Tensor)
    if type(array) is not np.ndarray:
        array = np.asarray(array)
    t._data = array
    t._dtype = array.dtype
    t._node = None
    return t


def known(array, name=None):
    """The tensor of an array that nobody else will write to, where new tensors of this thread go.

    It is a constant of the graph that is being built.
    """
    trace = stack.frame[2]
    return fresh(wrap(array)) if trace is None else trace.known(array, name)


def fresh(tensor):
    """A new tensor of the CPU, or its copy where new tensors of this thread go."""
    return places.fresh(tensor) if places.on and stack.frame[2] is None else tensor


# ---- values that become tensors
def as_array(value, dtype=None):
    """A new array of `value`, by TensorFlow's rules: Python floats are float32, ints int32 or else int64."""
    wanted = None if dtype is None else dtypes.as_numpy(dtype)
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.type is np.str_ or value.dtype.kind in "OSU":
            raise TypeError(f"a tensor can't hold {value.dtype} values: {value!r}"[:200])
        own = dtypes.as_numpy(value.dtype)
        if wanted is not None:
            check_fits(value, own, wanted)
        # astype, for np.array keeps a pickled array's dtype, which equals float32 but is not the one object
        return np.asarray(value).astype(wanted or own, order="C", subok=False)
    if isinstance(value, Tensor):
        return as_array(value.__array__() if type(value) is not Tensor else value._data, dtype)
    if _is_on_gpu(value):
        return as_array(places.fetch(places.taken(value)), dtype)
    array = _array_of_python(value)
    if wanted is None:
        return array.astype(_default(array))
    check_fits(value, array.dtype, wanted)
    return array.astype(wanted)


def _is_on_gpu(value):
    """Whether it is another library's array of a GPU."""
    return places.on and hasattr(value, "__cuda_array_interface__")


def check_fits(value, given, wanted):
    """Raise TypeError for values of a dtype that is not to be given for another: floats for ints, say."""
    if not _fits(given, wanted):
        raise TypeError(f"Cannot convert provided value to EagerTensor. Provided value: {str(value)[:100]} "
                        f"Requested dtype: {wanted.name}")


def _fits(given, wanted):
    """Whether values of a dtype may be given for another: not floats for ints, bools for numbers or back."""
    order = "bif c"
    a, b = given.kind.replace("u", "i"), wanted.kind.replace("u", "i")
    return a == b or ("b" not in (a, b) and order.index(a) < order.index(b))


def _array_of_python(value):
    try:
        array = np.array(value)
    except ValueError as error:
        if isinstance(value, (list, tuple)):
            raise ValueError("Can't convert non-rectangular Python sequence to Tensor: "
                             f"{str(value)[:100]}") from error
        raise
    if array.dtype.kind not in "biufc":
        raise TypeError(f"a tensor holds numbers and bools, got {type(value).__name__}: {str(value)[:100]!r}")
    return array


def _default(array):
    kind = array.dtype.kind
    if kind == "f":
        return dtypes.FLOAT32 if array.dtype == dtypes.FLOAT64 else array.dtype
    if kind in "iu":
        small = array.size == 0 or (array.min() >= -2**31 and array.max() < 2**31)
        return dtypes.INT32 if small else array.dtype
    return array.dtype


def as_tensor(value, dtype=None):
    """A tensor as it is, a variable's value, or a new constant; a list with tensors in it is stacked."""
    kind = type(value)
    if kind is Tensor:
        return value
    if kind is float and dtype is None:
        return wrap(np.array(value, dtypes.FLOAT32))
    if isinstance(value, Tensor):                   # a traced one
        return value
    read = getattr(value, "_read", None)            # a variable
    if read is not None:
        return read()
    dense = getattr(value, "to_dense", None)        # indexed slices
    if dense is not None:
        return dense()
    if isinstance(value, (list, tuple)) and _holds_tensor(value):
        return table.face("stack")([as_tensor(v, dtype) for v in value])
    if _is_on_gpu(value) and stack.frame[2] is None:
        return places.taken(value, dtype)
    return fresh(wrap(as_array(value, dtype)))


def _holds_tensor(values):
    return any(_holds_tensor(v) if isinstance(v, (list, tuple))
               else isinstance(v, Tensor) or hasattr(v, "_read") for v in values)


FLOAT32_SCALARS: dict = {}      # value -> tensor, for floats and ints alike; faces look here before they call
_scalars: dict = {float: {dtypes.FLOAT32: FLOAT32_SCALARS}, int: {dtypes.FLOAT32: FLOAT32_SCALARS}, bool: {},
                  complex: {}}  # type -> {dtype: {value: tensor}}
_FEW = 512


def scalar_tensor(value, dtype, op):
    """The constant tensor of a Python number as it meets a tensor of that dtype: the number takes that dtype.

    Constants met in expressions like 0.5 * x are kept.  `op` is the name that an error gives.
    """
    shelf = _scalars[type(value)].get(dtype)
    if shelf is None:
        shelf = _scalars[type(value)][dtype] = {}
    t = shelf.get(value)
    if t is None:
        try:
            t = wrap(np.array(value, _weak(dtype, type(value), op)))
        except OverflowError:
            raise InvalidArgumentError(f"{op}: {value} is out of range for {dtype}") from None
        if value != 0 and len(shelf) < _FEW:        # 0.0 and -0.0 are equal keys
            shelf[value] = t
    return t


def _weak(dtype, kind, op):
    """The dtype a Python number of that type takes next to a tensor of dtype."""
    rank = {bool: "b", int: "i", float: "f", complex: "c"}[kind]
    own = dtype.kind.replace("u", "i")
    if rank == own or "bifc".index(rank) < "bifc".index(own):
        if rank == "b" != own:
            raise InvalidArgumentError(f"{op}: a bool and a {dtype} tensor do not mix; cast one of them")
        return dtype
    if own == "b":
        raise InvalidArgumentError(f"{op}: a bool tensor and a Python {kind.__name__} do not mix; "
                                   "cast one of them")
    return np.dtype(dtypes.COMPLEX.get(dtype.name, "complex64")) if rank == "c" else dtypes.FLOAT32


def constant(value, dtype=None, shape=None, name="Const", verify_shape=False):
    """A tensor of a Python number, a nested list or an array.

    Args:
        value: a number, bool, nested list or NumPy array, or an array on a GPU (CuPy's, say), whose values
            stay there.  Python floats become float32 and ints int32 (int64 where they do not fit); arrays
            keep their dtype.
        dtype: the dtype wanted; floats are not made ints.
        shape: the shape wanted; one value fills it, fewer values than it holds are followed by copies of the
            last.
        verify_shape: refuse a value whose shape is not `shape`.

    Raises:
        TypeError: the value does not fit `dtype`.
        ValueError: a ragged list, or a shape that does not fit.

    >>> import numbaflow as nf
    >>> nf.constant([1, 2, 3]).dtype.name, nf.constant(2.5, shape=(2, 2)).shape
    ('int32', (2, 2))
    """
    if isinstance(value, Tensor) and shape is None and (dtype is None or value.dtype == as_dtype(dtype)):
        return value
    if shape is None and _is_on_gpu(value) and stack.frame[2] is None:
        return places.taken(value, dtype)
    array = as_array(value, dtype)
    if shape is not None:
        array = _shaped(array, tuple(int(n) for n in shape), verify_shape)
    return known(array, name)


def _shaped(array, shape, verify):
    if array.shape == shape:
        return array
    size = int(np.prod(shape))
    if verify or array.size > size or array.size == 0:
        raise ValueError(f"constant: a value of shape {array.shape} for shape {shape}")
    filled = np.full(size, array.flat[-1], array.dtype)
    filled[:array.size] = array.ravel()
    return filled.reshape(shape)


def convert_to_tensor(value, dtype=None, name=None, preferred_dtype=None, dtype_hint=None):
    """A tensor of anything that can be one; a tensor is returned as the same object.

    Raises:
        ValueError: a tensor of another dtype than `dtype`.
        TypeError: a value that does not fit `dtype`.

    >>> import numbaflow as nf
    >>> nf.convert_to_tensor([1.0, 2.0]).dtype.name
    'float32'
    """
    if isinstance(value, Tensor) or hasattr(value, "_read"):
        t = as_tensor(value)
        if dtype is not None and t.dtype != as_dtype(dtype):
            raise ValueError(f"Tensor conversion requested dtype {as_dtype(dtype).name} for Tensor with "
                             f"dtype {t.dtype.name}: {t!r}")
        return t
    hint = preferred_dtype if preferred_dtype is not None else dtype_hint
    if dtype is None and hint is not None:
        try:
            return as_tensor(value, hint)
        except (TypeError, ValueError):
            pass
    if dtype is not None and isinstance(value, int) and not isinstance(value, bool):
        wanted = dtypes.as_numpy(dtype)
        if wanted.kind in "iu":
            return wrap(np.array(value).astype(wanted))         # wraps around, as TensorFlow does
    return as_tensor(value, dtype)


def from_dlpack(x):
    """A tensor that shares the memory of any object with DLPack's methods, without a copy, also on a GPU."""
    if hasattr(x, "__dlpack_device__") and x.__dlpack_device__()[0] in _GPUS:
        return places.shared(x)
    array = np.from_dlpack(x)
    dtypes.as_dtype(array.dtype)            # TypeError for what tensors don't hold
    return wrap(array)


_GPUS = 2, 13                   # DLDeviceType: CUDA's memory, and what it manages
as_dtype = dtypes.as_dtype
__all__ = ["DType", "Tensor", "as_array", "as_tensor", "check_fits", "constant", "convert_to_tensor",
           "from_dlpack", "known", "scalar_tensor", "wrap"]
