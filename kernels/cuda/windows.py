"""Where windows lie, for device code: what kernels of pooling take, and what of a window is inside the array.

Kernels see arrays [planes, depth, height, width, inner]: channels are planes where they stand first.
"""
from .division import quotient
from .jit import device


def numbers(windows):
    """What a kernel takes of windows, and how many channels stand side by side."""
    inner = windows.channels if windows.inner_channels else 1
    return (inner, *windows.size, *windows.counts, *windows.kernel, *windows.strides, *windows.dilations,
            *windows.before)


@device
def first_inside(start, step):
    """The number of the first of start, start + step, ... that is not negative"""
    return 0 if start >= 0 else quotient(step - 1 - start, step)


@device
def elements_inside(start, step, kernel, size):
    """How many of `kernel` elements from `start` on, `step` apart, are inside"""
    first, end = min(first_inside(start, step), kernel), min(first_inside(start - size, step), kernel)
    return max(0, end - first)


@device
def first_window(at, before, kernel, stride, dilation):
    """The first window that may reach element `at` of an axis, 0 or above"""
    reach = at + before - (kernel - 1) * dilation
    return 0 if reach <= 0 else quotient(reach + stride - 1, stride)


@device
def end_of_windows(at, before, stride, count):
    """The last window that may reach element `at` of an axis, plus 1"""
    return min(count, quotient(at + before, stride) + 1)


@device
def number_of(distance, dilation):
    """The number in its window of what is so far from the window's start; -1 where that steps over it"""
    if dilation == 1:
        return distance
    number = quotient(distance, dilation)
    return number if number * dilation == distance else -1
