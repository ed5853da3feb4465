"""The mean of each sliding window, with its gradient: the twin of `kernels.pool_mean`.

Elements outside the array count for nothing.  A thread has one element of the result, as for the largest.
"""
from .arrays import empty, flat as _flat
from .division import for_sizes
from .jit import cuda, kernel
from .windows import elements_inside, end_of_windows, first_window, number_of, numbers


@for_sizes
def _mean(split):
    @kernel
    def mean_of_windows(x, inner, x_d, x_h, x_w, y_d, y_h, y_w, k_d, k_h, k_w, step_d, step_h, step_w,
                        apart_d, apart_h, apart_w, pad_d, pad_h, pad_w, out):
        """out = the mean of the elements of each window that are inside, 0 where none is"""
        i = cuda.grid(1)
        while i < out.size:
            rest, c = split(i, inner)
            rest, w = split(rest, y_w)
            rest, h = split(rest, y_h)
            n, d = split(rest, y_d)
            d, h, w = d * step_d - pad_d, h * step_h - pad_h, w * step_w - pad_w
            total, count = out.dtype.type(0), 0
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
                                    total += x[(line + column) * inner + c]
                                    count += 1
            out[i] = total / out.dtype.type(max(count, 1))
            i += cuda.gridsize(1)
    return mean_of_windows


@for_sizes
def _grad(split):
    @kernel
    def avg_pool_grad(dy, inner, x_d, x_h, x_w, y_d, y_h, y_w, k_d, k_h, k_w, step_d, step_h, step_w,
                      apart_d, apart_h, apart_w, pad_d, pad_h, pad_w, dx):
        """dx = the sum of dy over the windows over an element, each over its number of elements"""
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
                of_depth = elements_inside(a * step_d - pad_d, apart_d, k_d, x_d)
                for b in range(first_h, end_h):
                    if (number_of(d + pad_d - a * step_d, apart_d) >= 0
                            and number_of(h + pad_h - b * step_h, apart_h) >= 0):
                        line = ((n * y_d + a) * y_h + b) * y_w
                        of_row = of_depth * elements_inside(b * step_h - pad_h, apart_h, k_h, x_h)
                        at, end = (line + first_w) * inner + c, (line + end_w) * inner
                        start = first_w * step_w - pad_w
                        while at < end:
                            if number_of(w - start, apart_w) >= 0:
                                count = of_row * elements_inside(start, apart_w, k_w, x_w)
                                total += dy[at] / dx.dtype.type(count)
                            at += inner
                            start += step_w
            dx[i] = total
            i += cuda.gridsize(1)
    return avg_pool_grad


# ---- launches
def avg_pool(x, windows):
    """The mean of the elements of each window that are inside; 0 where none is."""
    out = empty(windows.out_shape, x.dtype)
    _mean(x.size, out.size).over(out.size, _flat(x), *numbers(windows), out.reshape(-1))
    return out


def avg_pool_grad(dy, windows):
    """For each element the sum of dy over the windows that it is in, each over its number of elements."""
    dx = empty(windows.shape, dy.dtype)
    _grad(dx.size, dy.size).over(dx.size, _flat(dy), *numbers(windows), dx.reshape(-1))
    return dx
