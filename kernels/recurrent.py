"""The gates of a long short-term memory: what a step does element by element, and its gradient.

Rows of z hold the blocks i, f, g, o of n numbers each.  All of a step's elementwise work is one pass here; as
ops it is twelve.
"""

from . import scalar
from .jit import body, range_kernel, wide_vectors
from .memory import empty
from .recording import contiguous

WORK = 24           # the five exponentials of an element and the rest, in additions


@body
def soft_slope(y):
    """The derivative of the sigmoid, from its value."""
    return y * (1.0 - y)


@body
def hard_sigmoid(x):
    """0.2 x + 0.5, cut to [0, 1]"""
    return min(max(0.2 * x + 0.5, 0.0), 1.0)


@body
def hard_slope(y):
    """The derivative of the hard sigmoid, from its value."""
    return 0.2 if 0.0 < y < 1.0 else 0.0


def _forward(gate):
    def lstm_rows(z, c, n, c_out, h_out, lo, hi):
        """c' = gate(f) c + gate(i) tanh(g); h = gate(o) tanh(c')"""
        wide_vectors()
        for r in range(lo, hi):
            row, at = z[4 * n * r:4 * n * (r + 1)], n * r
            for k in range(n):
                memory = gate(row[n + k]) * c[at + k] + gate(row[k]) * scalar.tanh(row[2 * n + k])
                c_out[at + k] = memory
                h_out[at + k] = gate(row[3 * n + k]) * scalar.tanh(memory)
    return range_kernel(lstm_rows)


def _backward(gate, slope):
    def lstm_grad_rows(dh, dc, z, c, n, dz, dc_in, lo, hi):
        """The gradients by z and c from those by h and c'."""
        wide_vectors()
        one = z.dtype.type(1)
        for r in range(lo, hi):
            row, drow, at = z[4 * n * r:4 * n * (r + 1)], dz[4 * n * r:4 * n * (r + 1)], n * r
            for k in range(n):
                i, f, g, o = gate(row[k]), gate(row[n + k]), scalar.tanh(row[2 * n + k]), gate(row[3 * n + k])
                before, up = c[at + k], dh[at + k]
                t = scalar.tanh(f * before + i * g)
                total = dc[at + k] + up * o * (one - t * t)
                drow[k] = total * g * slope(i)
                drow[n + k] = total * before * slope(f)
                drow[2 * n + k] = total * i * (one - g * g)
                drow[3 * n + k] = up * t * slope(o)
                dc_in[at + k] = total * f
    return range_kernel(lstm_grad_rows)


# by whether gates are hard sigmoids
_ROWS = {False: _forward(scalar.sigmoid), True: _forward(hard_sigmoid)}
_GRAD_ROWS = {False: _backward(scalar.sigmoid, soft_slope), True: _backward(hard_sigmoid, hard_slope)}


def lstm_gates(z, c, hard):
    """(h, c') for z [rows, 4 n] and c [rows, n]."""
    h, c_out = empty(c.shape, c.dtype), empty(c.shape, c.dtype)
    if c.size:
        _ROWS[hard](c.shape[0], c.size * WORK, _flat(z), _flat(c), c.shape[1], c_out.ravel(), h.ravel())
    return h, c_out


def lstm_gates_grad(dh, dc, z, c, hard):
    """(dz, dc) for z and c as above and the gradients of (h, c')."""
    dz, dc_in = empty(z.shape, z.dtype), empty(c.shape, c.dtype)
    if c.size:
        _GRAD_ROWS[hard](c.shape[0], c.size * WORK, _flat(dh), _flat(dc), _flat(z), _flat(c), c.shape[1],
                         dz.ravel(), dc_in.ravel())
    return dz, dc_in


def _flat(x):
    return contiguous(x).ravel()
