"""Strings in datasets, which tensors can't hold: bytes with a tensor's face."""
import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.shape import TensorShape

_OBJECT = np.dtype(object)


class StringType:
    """The dtype of strings, `nf.string`.

    >>> import numbaflow as nf
    >>> nf.string.name
    'string'
    """

    __slots__ = ()
    name = "string"
    as_numpy_dtype = np.object_
    is_bool = is_integer = is_floating = is_complex = is_unsigned = False

    def __repr__(self):
        return "nf.string"

    def __str__(self):
        return "<dtype: 'string'>"

    def __reduce__(self):
        return "string"


string = StringType()


def as_dtype(value):
    """The dtype of a component: nf.string for it and for str and bytes, else a tensor's."""
    if value is string or value in (str, bytes, "string"):
        return string
    return dtypes.as_dtype(value)


class StringTensor:
    """Strings, which are bytes, in an array of any shape.

    ``s.numpy()`` gives the bytes, or an object array of them when there is an axis.

    >>> import numbaflow as nf
    >>> for name in nf.data.Dataset.from_tensor_slices(["red", "blue"]):
    ...     print(name.numpy(), name.shape)
    b'red' ()
    b'blue' ()
    """

    __slots__ = ("__weakref__", "_data")

    def __init__(self, value):
        self._data = string_array(value)

    dtype = string
    shape = property(lambda self: TensorShape(self._data.shape), doc="The shape, a tuple of ints.")
    ndim = property(lambda self: self._data.ndim, doc="The number of dimensions.")

    def get_shape(self):
        """The shape, a tuple of ints."""
        return TensorShape(self._data.shape)

    def numpy(self):
        """The bytes, or an object array of bytes."""
        return self._data.copy() if self._data.ndim else self._data[()]

    def __bytes__(self):
        if self._data.size != 1:
            raise TypeError(f"only one string becomes bytes, got shape {self._data.shape}")
        return self._data.item()

    def __len__(self):
        if not self._data.ndim:
            raise TypeError("Scalar tensor has no `len()`")
        return self._data.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key):
        return wrap_strings(self._data[key, ...])

    def __eq__(self, other):
        if isinstance(other, (str, bytes, StringTensor, np.ndarray)):
            return np.equal(self._data, string_array(other))[()]
        return NotImplemented

    __hash__ = object.__hash__

    def __repr__(self):
        return f"<nf.StringTensor: shape={self._data.shape}, value={self.numpy()!r}>"


def wrap_strings(array):
    """The StringTensor of an object array of bytes that nobody else will write to."""
    made = object.__new__(StringTensor)
    made._data = array
    return made


def are_strings(value):
    """Whether that is a string, an array of them or a list that begins with one."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "SU" or (value.dtype == _OBJECT and value.size > 0
                                            and isinstance(value.flat[0], (str, bytes)))
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (str, bytes, StringTensor))


def string_array(value):
    """An object array of bytes; TypeError for anything that is no string."""
    if isinstance(value, StringTensor):
        return value._data
    if isinstance(value, bytes):            # np.array would cut zeros at its end
        made = np.empty((), _OBJECT)
        made[()] = value
        return made
    given = value if isinstance(value, np.ndarray) else np.array(value, _OBJECT)
    made = np.empty(given.shape, _OBJECT)
    for place in np.ndindex(given.shape):
        made[place] = _bytes(given[place])
    return made


def _bytes(value):
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, StringTensor)):
        return bytes(value)
    raise TypeError(f"a string must be str or bytes, got {type(value).__name__}: {str(value)[:100]!r}")
