"""Bits of integers: `nf.bitwise` and the operators & | ^ ~ << >>, which on bool tensors are logic."""
import numpy as np

from numbaflow.core.optable import Sample, bools, elementwise, integers
from numbaflow.kernels import scalar

__all__ = ["bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift"]

_PAIRS = [Sample(integers(3, 4, low=-9), integers(4, low=-9)), Sample(integers(3, dtype="uint8"), 6),
          Sample(bools(2, 3), bools(3)), Sample(np.int32(12), np.int32(10))]
_SHIFTS = [Sample(integers(3, 4, low=-99, high=99), integers(4)), Sample(integers(3, dtype="uint8"), 2)]


@elementwise(scalar.bitwise_and, kinds="biu", grads=None, operator="__and__", reference=np.bitwise_and,
             samples=_PAIRS)
def bitwise_and(x, y, name=None):
    """The bits set in both integers, element by element; `x & y` on tensors.

    >>> import numbaflow as nf
    >>> nf.bitwise.bitwise_and([12, 3], 10).numpy().tolist()
    [8, 2]
    """


@elementwise(scalar.bitwise_or, kinds="biu", grads=None, operator="__or__", reference=np.bitwise_or,
             samples=_PAIRS)
def bitwise_or(x, y, name=None):
    """The bits set in one of two integers, element by element; `x | y` on tensors.

    >>> import numbaflow as nf
    >>> nf.bitwise.bitwise_or([12, 3], 10).numpy().tolist()
    [14, 11]
    """


@elementwise(scalar.bitwise_xor, kinds="biu", grads=None, operator="__xor__", reference=np.bitwise_xor,
             samples=_PAIRS)
def bitwise_xor(x, y, name=None):
    """The bits set in exactly one of two integers, element by element; `x ^ y` on tensors.

    >>> import numbaflow as nf
    >>> nf.bitwise.bitwise_xor([12, 3], 10).numpy().tolist()
    [6, 9]
    """


@elementwise(scalar.bitwise_invert, kinds="biu", grads=None, operator="__invert__", reference=np.invert,
             samples=[Sample(integers(3, 4, low=-9)), Sample(integers(3, dtype="uint8")), Sample(bools(5))])
def invert(x, name=None):
    """Every bit of an integer flipped; `~x` on tensors.

    >>> import numbaflow as nf
    >>> nf.bitwise.invert([0, 5]).numpy().tolist()
    [-1, -6]
    """


@elementwise(scalar.left_shift, kinds="iu", grads=None, operator="__lshift__", reference=np.left_shift,
             samples=_SHIFTS)
def left_shift(x, y, name=None):
    """The bits of x moved y places up; `x << y` on tensors.  A shift out of range gives 0.

    >>> import numbaflow as nf
    >>> nf.bitwise.left_shift([1, 3], 2).numpy().tolist()
    [4, 12]
    """


@elementwise(scalar.right_shift, kinds="iu", grads=None, operator="__rshift__", reference=np.right_shift,
             samples=_SHIFTS)
def right_shift(x, y, name=None):
    """The bits of x moved y places down, the sign kept; `x >> y` on tensors.

    >>> import numbaflow as nf
    >>> nf.bitwise.right_shift([8, -8], 2).numpy().tolist()
    [2, -2]
    """
