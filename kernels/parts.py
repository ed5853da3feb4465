"""Elements copied, converted and put in place: on the CPU it is NumPy that does it.

Ops whose bodies would use NumPy for values call these, so that the bodies fit every device.
"""
import numpy as np

from .elementwise import LARGE
from .memory import empty

rows = list                     # the slices along the first axis, as views


def cast(x, dtype):
    """The elements in another dtype, as C does it; complex numbers lose their imaginary part."""
    given, large = x.dtype, x.size >= LARGE
    if given.kind == "c" and dtype.kind in "iuf":
        x = x.real
    if given.kind not in "fc" or dtype.kind == "b" or np.can_cast(given, dtype):
        return _large_cast(x, dtype) if large else x.astype(dtype)
    with np.errstate(all="ignore"):         # (NaN and inf have no integer)
        return _large_cast(x, dtype) if large else x.astype(dtype)


def _large_cast(x, dtype):
    out = empty(x.shape, dtype)
    np.copyto(out, x, casting="unsafe")
    return out


def conj(x):
    """The complex conjugates."""
    return x.conj()


def copy(x):
    """An array of one's own."""
    return x.copy()


def reshape(x, shape):
    """The elements in C order in another shape, one extent of which may be -1; a view where there is one."""
    return x.reshape(shape)


def join_complex(real, imag, shape, dtype):
    """real + i imag, which broadcast to `shape`."""
    out = empty(shape, dtype)
    out.real, out.imag = real, imag
    return out


def repeat(x, shape, strides):
    """A view of a contiguous array in which elements stand several times."""
    return np.ndarray(shape, x.dtype, x, 0, strides)


def add_all(add, arrays):
    """The sum of two or more arrays of one shape; `add` is their Elementwise sum."""
    x, y = arrays[0], arrays[1]
    total = add[x.dtype](x, y) if x.size < LARGE else add.large(x.dtype, x, y)
    for v in arrays[2:]:
        total = np.add(total, v, out=total) if total.ndim else total + v
    return total


def add_pieces(pieces, keys, shape):
    """Zeros to which each piece is added at its key, one of basic indexing."""
    out = np.zeros(shape, pieces[0].dtype)
    out[keys[0]] = pieces[0]
    for g, key in zip(pieces[1:], keys[1:], strict=True):
        seen = out[key]
        if type(seen) is np.ndarray:
            np.add(seen, g, out=seen)
        else:                                       # (NumPy gives a single element as a copy)
            out[key] = seen + g
    return out


def with_part(x, value, key):
    """x with a value, which broadcasts, in place of x[key], one of basic indexing."""
    out = x.copy()
    out[key] = value
    return out
