"""The dtypes of tensors, and which dtype an op computes in.  Imports errors only.

Inside, tensors hold NumPy arrays and code compares NumPy dtypes; `DType` is what users see.
"""
import numpy as np

from .errors import InvalidArgumentError

REAL = {"complex64": "float32", "complex128": "float64"}
COMPLEX = {"float32": "complex64", "float64": "complex128"}


class DType:
    """The type of a tensor's elements; equals the NumPy dtype and the name of the same type.

    >>> import numbaflow as nf
    >>> nf.float32 == np.float32, nf.float32 == "float32", nf.float32.is_floating
    (True, True, True)
    """

    __slots__ = ("dtype", "name")

    def __init__(self, name):
        self.name, self.dtype = name, np.dtype(name)

    as_numpy_dtype = property(lambda self: self.dtype.type)
    is_bool = property(lambda self: self.dtype.kind == "b")
    is_integer = property(lambda self: self.dtype.kind in "iu")
    is_unsigned = property(lambda self: self.dtype.kind == "u")
    is_floating = property(lambda self: self.dtype.kind == "f")
    is_complex = property(lambda self: self.dtype.kind == "c")
    size = property(lambda self: self.dtype.itemsize, doc="Bytes an element takes.")
    base_dtype = property(lambda self: self)
    real_dtype = property(lambda self: of(np.dtype(REAL.get(self.name, self.name))))

    def _limit(self, which):
        if self.dtype.kind == "b":
            return which == "max"
        if self.dtype.kind == "c":
            raise TypeError(f"dtype {self.name} has no {which}imum")
        info = np.finfo if self.dtype.kind == "f" else np.iinfo
        return self.as_numpy_dtype(getattr(info(self.dtype), which))

    min = property(lambda self: self._limit("min"))
    max = property(lambda self: self._limit("max"))

    def __eq__(self, other):
        if isinstance(other, DType):
            return self is other
        try:
            return other is not None and self.dtype == np.dtype(other)
        except TypeError:
            return NotImplemented

    def __hash__(self):
        return hash(self.dtype)

    def __repr__(self):
        return f"nf.{self.name}"

    def __str__(self):
        return f"<dtype: {self.name!r}>"

    def __reduce__(self):
        return as_dtype, (self.name,)


_NAMES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
          "float32", "float64", "complex64", "complex128")
_BY_NUMPY = {np.dtype(name): DType(name) for name in _NAMES}
BY_NAME = {d.name: d for d in _BY_NUMPY.values()}

BOOL, INT32, INT64 = np.dtype(bool), np.dtype(np.int32), np.dtype(np.int64)
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
COMPLEX64, COMPLEX128 = np.dtype(np.complex64), np.dtype(np.complex128)
DIFFERENTIABLE = frozenset((FLOAT32, FLOAT64, COMPLEX64, COMPLEX128))
COMPLEXES = frozenset((COMPLEX64, COMPLEX128))


def of(numpy_dtype):
    """The DType of a NumPy dtype."""
    return _BY_NUMPY[numpy_dtype]


def as_dtype(value):
    """The DType of a DType, NumPy dtype, name or Python type; TypeError for what tensors can't hold."""
    if type(value) is DType:
        return value
    try:
        return _BY_NUMPY[np.dtype(value).newbyteorder("=")]
    except (KeyError, TypeError):
        raise TypeError(f"{value!r} is not a dtype of tensors; those are {', '.join(_NAMES)}") from None


def as_numpy(value):
    """The same as a NumPy dtype."""
    return as_dtype(value).dtype


def floating(dtype):
    """What an integer dtype becomes where a float is needed: float64 for 32 and 64 bits, else float32."""
    return FLOAT64 if dtype.itemsize >= 4 else FLOAT32


def promote(first, second, op):
    """The dtype of an op on two tensors: the wider of a kind, the float where an integer meets a float."""
    a, b = first.kind, second.kind
    if (a in "iu" and b in "iu") or a == b:
        return np.promote_types(first, second)
    if "b" in (a, b):
        other = second if a == "b" else first
        raise InvalidArgumentError(f"{op}: a bool tensor and a {other} tensor do not mix; cast one of them")
    if a in "iu":
        return second
    if b in "iu":
        return first
    return np.promote_types(first, second)      # float and complex
