"""Elements copied, converted and put in place on a GPU: the twin of `kernels.parts`."""
import functools
from typing import NamedTuple

from .. import scalar
from . import backend
from .arrays import assign, contiguous, copy, empty, zeros
from .elementwise import cast, launch  # noqa: F401
from .jit import device

AT_ONCE = 8                     # arrays that one kernel adds


class Body(NamedTuple):
    """A scalar body and what to call its kernels."""

    name: str
    function: object


def rows(x):
    """The slices along the first axis, as views."""
    return [x[k] for k in range(x.shape[0])]


def conj(x):
    """The complex conjugates."""
    out = empty(x.shape, x.dtype)
    if out.size:
        launch(Body("conj", scalar.conj), [x], out)
    return out


def reshape(x, shape):
    """The elements in C order in another shape, one extent of which may be -1; a view if x is contiguous."""
    return contiguous(x).reshape(shape)


@device
def _complex(real, imag):
    return complex(real, imag)


def join_complex(real, imag, shape, dtype):
    """real + i imag, which broadcast to `shape`."""
    out = empty(shape, dtype)
    if out.size:
        launch(Body("join_complex", _complex), [real, imag], out)
    return out


def repeat(x, shape, strides):
    """A view of a contiguous array in which elements stand several times."""
    return backend.current().strided(x, shape, strides)


@functools.cache
def _sum_of(count):
    """The scalar body of a sum, from left to right."""
    names = [f"x{k}" for k in range(count)]
    scope = {"__name__": __name__}
    exec(f"def add_{count}({', '.join(names)}):\n    return {' + '.join(names)}", scope)
    return Body(f"add_{count}", device(scope[f"add_{count}"]))


def add_all(add, arrays):
    """The sum of two or more arrays of one shape: several arrays are read by one kernel."""
    out, left = empty(arrays[0].shape, arrays[0].dtype), list(arrays)
    while len(left) > 1 and out.size:
        now, left = left[:AT_ONCE], left[AT_ONCE:]
        launch(_sum_of(len(now)), now, out)
        left = [out, *left] if left else []
    return out


def add_pieces(pieces, keys, shape):
    """Zeros to which each piece is added at its key, one of basic indexing."""
    out = zeros(shape, pieces[0].dtype)
    assign(out[keys[0]], pieces[0])
    for g, key in zip(pieces[1:], keys[1:], strict=True):
        seen = out[key]
        if seen.size:
            launch(_sum_of(2), [seen, g], seen)
    return out


def with_part(x, value, key):
    """x with a value, which broadcasts, in place of x[key], one of basic indexing."""
    out = copy(x)
    assign(out[key], value)
    return out
