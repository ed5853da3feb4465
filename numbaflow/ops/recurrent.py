"""The elementwise part of a step of long short-term memory, as one op."""
import numpy as np

from numbaflow.core.functional import make_vjp
from numbaflow.core.infer import like
from numbaflow.core.optable import Sample, normal, op
from numbaflow.kernels import recurrent as kernels

from .activations import sigmoid
from .clipping import clip_by_value
from .joining import split
from .trigonometric import tanh

__all__ = ["lstm_gates"]


# ---- as it reads in ops: what second derivatives come from
def _gate(x, hard):
    return clip_by_value(0.2 * x + 0.5, 0.0, 1.0) if hard else sigmoid(x)


def _composed(hard):
    def gates(z, c):
        i, f, g, o = split(z, 4, axis=1)
        c = _gate(f, hard) * c + _gate(i, hard) * tanh(g)
        return _gate(o, hard) * tanh(c), c
    return gates


def _grad_rule(g, dh, dc, z, c, hard):
    """The gradients of the first derivatives, as those of the ops that they are made of."""
    def first(dh, dc, z, c):
        return make_vjp(_composed(hard))(z, c)[1]((dh, dc))
    return tuple(make_vjp(first)(dh, dc, z, c)[1](g))


# ---- references and samples
def _numpy_gate(x, hard):
    return np.clip(0.2 * x + 0.5, 0, 1) if hard else 1 / (1 + np.exp(-x))


def _reference(z, c, hard=False):
    i, f, g, o = np.split(z, 4, 1)
    i, f, o = (_numpy_gate(x, hard) for x in (i, f, o))
    c = f * c + i * np.tanh(g)
    return o * np.tanh(c), c


def _grad_reference(dh, dc, z, c, hard=False):
    i, f, g, o = np.split(z, 4, 1)
    i, f, o = (_numpy_gate(x, hard) for x in (i, f, o))
    slopes = [0.2 * ((x > 0) & (x < 1)) if hard else x * (1 - x) for x in (i, f, o)]
    g = np.tanh(g)
    t = np.tanh(f * c + i * g)
    total = dc + dh * o * (1 - t * t)
    blocks = [total * g * slopes[0], total * c * slopes[1], total * i * (1 - g * g), dh * t * slopes[2]]
    return np.concatenate(blocks, 1), total * f


def _check(z, c):
    if c.ndim != 2 or z.ndim != 2 or z.shape != (c.shape[0], 4 * c.shape[1]):
        raise ValueError(f"expected z [rows, 4 n] and c [rows, n], got shapes {z.shape} and {c.shape}")
    if c.dtype.kind != "f":
        raise TypeError(f"expected floats, got {c.dtype}")


_STEP = (normal(3, 20), normal(3, 5))


def _gate_shapes(first, z, c):
    _check(z, c)
    return [like(first), like(c)]


@op(inputs="dh dc z c", outputs="dz dc_in", promote="dh dc z c", reference=_grad_reference,
    infer=lambda z, c: _gate_shapes(z, z, c),
    samples=[Sample(normal(3, 5), normal(3, 5), *_STEP), Sample(normal(3, 5), normal(3, 5), *_STEP, True)],
    grads={("dh", "dc", "z", "c"): _grad_rule})
def lstm_gates_grad(dh, dc, z, c, hard=False):
    """The gradients of `lstm_gates` by z and c, from those by h and c."""
    _check(z, c)
    return kernels.lstm_gates_grad(dh, dc, z, c, hard)


@op(inputs="z c", outputs="h c_out", promote="z c", floats="z c", reference=_reference,
    infer=lambda z, c: _gate_shapes(c, z, c),
    samples=[Sample(*_STEP), Sample(*_STEP, True), Sample(normal(0, 8), normal(0, 2))],
    grads={("z", "c"): lambda g, z, c, hard: tuple(lstm_gates_grad(g[0], g[1], z, c, hard))})
def lstm_gates(z, c, hard=False):
    """What a step of long short-term memory does after its products: (h, c).

    ``c = gate(f) * c + gate(i) * tanh(g); h = gate(o) * tanh(c)``

    Args:
        z: floats [rows, 4 n], the blocks i, f, g, o of n columns each.
        c: the memory, floats [rows, n].
        hard: whether gates are hard sigmoids, 0.2 x + 0.5 cut to [0, 1].

    >>> import numbaflow as nf
    >>> from numbaflow.ops.recurrent import lstm_gates
    >>> h, c = lstm_gates(nf.zeros((1, 4)), nf.ones((1, 1)))
    >>> c.numpy().tolist()
    [[0.5]]
    """
    _check(z, c)
    return kernels.lstm_gates(z, c, bool(hard))
