"""The parameters of a launch as 64-bit slots, in the order in which Numba's compiled kernels take them.

An array is its extents and its strides after five others: two that manage memory on the CPU and are 0 here,
its size, its itemsize and its address.  A number is one slot, in its first bytes.
"""
import struct

import numpy as np


def packed(args, address):
    """The slots of the arguments of a kernel; `address` says where an array lies."""
    values = []
    for x in args:
        if type(x) is int:
            values.append(x)
        elif hasattr(x, "strides") and not isinstance(x, np.generic):
            values += (0, 0, x.size, x.itemsize, address(x), *x.shape, *x.strides)
        else:
            values.append(bits(x))
    return values


def places(args):
    """Where in the slots each argument has what differs from launch to launch: an address, or a number."""
    found, at = [], 0
    for x in args:
        is_array = hasattr(x, "strides") and not isinstance(x, np.generic)
        found.append(at + 4 if is_array else at)
        at += 5 + 2 * x.ndim if is_array else 1
    return found


def sizes(args):
    """The bytes that each slot of these arguments has in the kernel."""
    found = []
    for x in args:
        if hasattr(x, "strides") and not isinstance(x, np.generic):
            found += [8] * (5 + 2 * x.ndim)
        else:
            found.append(np.asarray(x).dtype.itemsize)
    return found


def bits(number):
    """The first eight bytes of a parameter as an int."""
    if isinstance(number, np.generic):
        return int.from_bytes(number.tobytes().ljust(8, b"\0"), "little", signed=True)
    return struct.unpack("<q", struct.pack("<d", number))[0] if type(number) is float else int(number)
