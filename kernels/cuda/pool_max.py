"""The largest element of each sliding window, with its gradient: the twin of `kernels.pool_max`.

The one idea: a thread has one element of the result and looks for what it is made from, so that no two
threads add to one place; neighbours are channels, or windows of a row.
"""
from ..pool_max import index_dtype, lowest
from .arrays import empty, flat as _flat
from .division import for_sizes
from .jit import cuda, kernel
from .windows import end_of_windows, first_window, number_of, numbers


@for_sizes
def _max(split):
    @kernel
    def max_of_windows(x, none, inner, x_d, x_h, x_w, y_d, y_h, y_w, k_d, k_h, k_w, step_d, step_h, step_w,
                       apart_d, apart_h, apart_w, pad_d, pad_h, pad_w, out, index):
        """out, index = the largest of each window and its number there"""
        i = cuda.grid(1)
        while i < out.size:
            rest, c = split(i, inner)
            rest, w = split(rest, y_w)
            rest, h = split(rest, y_h)
            n, d = split(rest, y_d)
            d, h, w = d * step_d - pad_d, h * step_h - pad_h, w * step_w - pad_w
            y, number = none, k_d * k_h * k_w
            nothing = number
            for a in range(k_d):
                z = d + a * apart_d
                if 0 <= z < x_d:
                    for b in range(k_h):
                        row = h + b * apart_h
                        if 0 <= row < x_h:
                            line = ((n * x_d + z) * x_h + row) * x_w
                            for e in range(k_w):
                                column = w + e * apart_w
                                if 0 <= column < x_w:
                                    v = x[(line + column) * inner + c]
                                    if number == nothing or (not v <= y and y == y):
                                        y, number = v, (a * k_h + b) * k_w + e
            out[i] = y
            index[i] = number
            i += cuda.gridsize(1)
    return max_of_windows


@for_sizes
def _grad(split):
    @kernel
    def max_pool_grad(dy, index, inner, x_d, x_h, x_w, y_d, y_h, y_w, k_d, k_h, k_w, step_d, step_h, step_w,
                      apart_d, apart_h, apart_w, pad_d, pad_h, pad_w, dx):
        """dx = the sum of dy over the windows whose largest an element is"""
        i = cuda.grid(1)
        while i < dx.size:
            rest, c = split(i, inner)
            rest, w = split(rest, x_w)
            rest, h = split(rest, x_h)
            n, d = split(rest, x_d)
            total = dx.dtype.type(0)
            first_h = first_window(h, pad_h, k_h, step_h, apart_h)
            first_w = first_window(w, pad_w, k_w, step_w, apart_w)
            first_d = first_window(d, pad_d, k_d, step_d, apart_d)
            end_d = end_of_windows(d, pad_d, step_d, y_d)
            end_h, end_w = end_of_windows(h, pad_h, step_h, y_h), end_of_windows(w, pad_w, step_w, y_w)
            for a in range(first_d, end_d):
                at_d = number_of(d + pad_d - a * step_d, apart_d)
                for b in range(first_h, end_h):
                    at_h = number_of(h + pad_h - b * step_h, apart_h)
                    if at_d >= 0 and at_h >= 0:
                        line = ((n * y_d + a) * y_h + b) * y_w
                        at, end = (line + first_w) * inner + c, (line + end_w) * inner
                        start = first_w * step_w - pad_w
                        while at < end:
                            number = number_of(w - start, apart_w)
                            if number >= 0 and index[at] == (at_d * k_h + at_h) * k_w + number:
                                total += dy[at]
                            at += inner
                            start += step_w
            dx[i] = total
            i += cuda.gridsize(1)
    return max_pool_grad


@for_sizes
def _take(split):
    @kernel
    def max_pool_take(x, index, inner, x_d, x_h, x_w, y_d, y_h, y_w, k_d, k_h, k_w, step_d, step_h, step_w,
                      apart_d, apart_h, apart_w, pad_d, pad_h, pad_w, out):
        """out = the elements of x at the numbers in index, 0 for no element"""
        i = cuda.grid(1)
        while i < out.size:
            rest, c = split(i, inner)
            rest, w = split(rest, y_w)
            rest, h = split(rest, y_h)
            n, d = split(rest, y_d)
            number, y = index[i], out.dtype.type(0)
            if number < k_d * k_h * k_w:
                rest, e = split(number, k_w)
                a, b = split(rest, k_h)
                row = (n * x_d + d * step_d - pad_d + a * apart_d) * x_h + h * step_h - pad_h + b * apart_h
                y = x[(row * x_w + w * step_w - pad_w + e * apart_w) * inner + c]
            out[i] = y
            i += cuda.gridsize(1)
    return max_pool_take


@for_sizes
def _positions(split):
    @kernel
    def max_pool_positions(index, whole, inner, x_d, x_h, x_w, y_d, y_h, y_w, k_d, k_h, k_w, step_d, step_h,
                           step_w, apart_d, apart_h, apart_w, pad_d, pad_h, pad_w, out):
        """out = where the element with that number stands in its example or the whole array, -1 for none"""
        i = cuda.grid(1)
        while i < out.size:
            rest, c = split(i, inner)
            rest, w = split(rest, y_w)
            rest, h = split(rest, y_h)
            n, d = split(rest, y_d)
            number, at = index[i], -1
            if number < k_d * k_h * k_w:
                rest, e = split(number, k_w)
                a, b = split(rest, k_h)
                depth = d * step_d - pad_d + a * apart_d + (n * x_d if whole else 0)
                row = depth * x_h + h * step_h - pad_h + b * apart_h
                at = (row * x_w + w * step_w - pad_w + e * apart_w) * inner + c
            out[i] = at
            i += cuda.gridsize(1)
    return max_pool_positions


# ---- launches
def max_pool(x, windows):
    """The largest of each window, the first nan if there is one, and its number in the window, row by row."""
    out = empty(windows.out_shape, x.dtype)
    index = empty(windows.out_shape, index_dtype(windows))
    _max(x.size, out.size).over(out.size, _flat(x), lowest(x.dtype), *numbers(windows), out.reshape(-1),
                                index.reshape(-1))
    return out, index


def max_pool_grad(dy, index, windows):
    """For each element the sum of dy over the windows whose largest it is."""
    dx = empty(windows.shape, dy.dtype)
    _grad(dx.size, dy.size).over(dx.size, _flat(dy), _flat(index), *numbers(windows), dx.reshape(-1))
    return dx


def max_pool_positions(index, windows, whole):
    """Where each window's largest stands in its example, or in the whole array; -1 for no element."""
    out = empty(windows.out_shape, "int64")
    _positions(out.size).over(out.size, _flat(index), whole, *numbers(windows), out.reshape(-1))
    return out


def max_pool_take(x, index, windows):
    """The elements of x that stand where the largest of another array stood; 0 for no element."""
    out = empty(windows.out_shape, x.dtype)
    _take(x.size, out.size).over(out.size, _flat(x), _flat(index), *numbers(windows), out.reshape(-1))
    return out
