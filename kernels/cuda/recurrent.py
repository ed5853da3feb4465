"""The gates of a long short-term memory, a thread an element: the twin of `kernels.recurrent`."""
from .. import scalar
from ..recurrent import hard_sigmoid, hard_slope, soft_slope
from .arrays import empty, flat as _flat
from .jit import cuda, kernel


def _forward(gate):
    @kernel
    def lstm_elements(z, c, n, c_out, h_out):
        """c' = gate(f) c + gate(i) tanh(g); h = gate(o) tanh(c')"""
        at = cuda.grid(1)
        while at < c.size:
            i = at // n * 3 * n + at                    # of the row's first block
            memory = gate(z[i + n]) * c[at] + gate(z[i]) * scalar.tanh(z[i + 2 * n])
            c_out[at] = memory
            h_out[at] = gate(z[i + 3 * n]) * scalar.tanh(memory)
            at += cuda.gridsize(1)
    return lstm_elements


def _backward(gate, slope):
    @kernel
    def lstm_grad_elements(dh, dc, z, c, n, dz, dc_in):
        """The gradients by z and c from those by h and c'."""
        at, one = cuda.grid(1), z.dtype.type(1)
        while at < c.size:
            k = at // n * 3 * n + at
            i, f, g, o = gate(z[k]), gate(z[k + n]), scalar.tanh(z[k + 2 * n]), gate(z[k + 3 * n])
            before, up = c[at], dh[at]
            t = scalar.tanh(f * before + i * g)
            total = dc[at] + up * o * (one - t * t)
            dz[k] = total * g * slope(i)
            dz[k + n] = total * before * slope(f)
            dz[k + 2 * n] = total * i * (one - g * g)
            dz[k + 3 * n] = up * t * slope(o)
            dc_in[at] = total * f
            at += cuda.gridsize(1)
    return lstm_grad_elements


# by whether gates are hard sigmoids
_ELEMENTS = {False: _forward(scalar.sigmoid), True: _forward(hard_sigmoid)}
_GRAD_ELEMENTS = {False: _backward(scalar.sigmoid, soft_slope), True: _backward(hard_sigmoid, hard_slope)}


def lstm_gates(z, c, hard):
    """(h, c') for z [rows, 4 n] and c [rows, n]."""
    h, c_out = empty(c.shape, c.dtype), empty(c.shape, c.dtype)
    _ELEMENTS[hard].over(c.size, _flat(z), _flat(c), c.shape[1], c_out.reshape(-1), h.reshape(-1))
    return h, c_out


def lstm_gates_grad(dh, dc, z, c, hard):
    """(dz, dc) for z and c as above and the gradients of (h, c')."""
    dz, dc_in = empty(z.shape, z.dtype), empty(c.shape, c.dtype)
    _GRAD_ELEMENTS[hard].over(c.size, _flat(dh), _flat(dc), _flat(z), _flat(c), c.shape[1], dz.reshape(-1),
                              dc_in.reshape(-1))
    return dz, dc_in
