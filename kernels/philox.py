"""Philox 4x32-10 and the scalar bodies that turn its words into uniforms, logarithms, directions and normals.

A block of four 32-bit words is a pure function of (seed, counter, block index).  There is no state: element i
of a draw is the same for every number of threads, every device and every size of the draw.
"""
import math

import numpy as np

from .jit import body, variant

# multipliers and key steps of Salmon et al. 2011
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_1, _2, _16, _32 = (np.uint64(n) for n in (1, 2, 16, 32))
_ROOT_HALF32, _ROOT_HALF64 = np.int32(0x3F3504F3), np.int64(0x3FE6A09E667F3BCD)     # the bits of sqrt(1/2)


# ---- words
@body
def philox(c0, c1, c2, c3, k0, k1):
    """Philox 4x32-10: four words from a counter of four and a key of two, 32-bit values held in uint64."""
    for _ in range(10):
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@body
def block(index, attempt, seed, counter):
    """The words of block `index` < 2**48, `attempt` < 2**16, of the draw `counter`; all uint64."""
    return philox(index & _LOW, (index >> _32) | (attempt << _16), counter & _LOW, counter >> _32,
                  seed & _LOW, seed >> _32)


@body
def high_product(a, b):
    """a * b // 2**64 of two uint64."""
    a0, a1, b0, b1 = a & _LOW, a >> _32, b & _LOW, b >> _32
    middle = a1 * b0 + (a0 * b0 >> _32)
    return a1 * b1 + (middle >> _32) + (a0 * b1 + (middle & _LOW) >> _32)


# ---- words to numbers.  A uniform u goes with its complement: 1 - u would have lost the digits near u = 1.
@body
def unit32(w):
    """u = (w + 1/2) / 2**32 in (0, 1], and 1 - u, in float32 with full relative precision at both ends."""
    scale = np.float32(2.0**-32)
    half = np.float32(0.5)
    return (np.float32(np.uint32(w)) + half) * scale, (np.float32(np.uint32(w ^ _LOW)) + half) * scale


@body
def unit64(a, b):
    """u = (2**32 a + b + 1/2) / 2**64 in (0, 1], and 1 - u, with full relative precision at both ends."""
    u = np.float64(np.uint32(a)) * 2.0**32 + (np.float64(np.uint32(b)) + 0.5)
    v = np.float64(np.uint32(a ^ _LOW)) * 2.0**32 + (np.float64(np.uint32(b ^ _LOW)) + 0.5)
    return u * 2.0**-64, v * 2.0**-64


@body
def signed32(w):
    """(w + 1/2) / 2**31 in (-1, 1), w as a signed word, with full relative precision at 0."""
    return (np.float32(np.int32(w)) + np.float32(0.5)) * np.float32(2.0**-31)


@body
def signed64(a, b):
    """(2**32 a + b + 1/2) / 2**63 in (-1, 1), a as a signed word, with full relative precision at 0."""
    return (np.float64(np.int32(a)) * 2.0**32 + (np.float64(np.uint32(b)) + 0.5)) * 2.0**-63


@body
def negative_log(u, v):
    """-log(u) for u in (0, 1] and v = 1 - u."""
    bits = np.float64(u).view(np.int64) - _ROOT_HALF64
    e = np.float64(np.int32(bits >> np.int64(52)))
    m = np.int64((bits & np.int64(0xFFFFFFFFFFFFF)) + _ROOT_HALF64).view(np.float64)
    f = -v if v < 0.25 else m - 1.0
    s = f / (2.0 + f)
    t = s * s
    p = t * (0.15386244737621897 + t * (0.13268638369261609 + t * 0.130880348509747683))
    p = 0.285714285707997850 + t * (0.222222223925810452 + t * (0.181817955475211311 + p))
    p = 2.0 + t * (0.666666666666666665 + t * (0.400000000000008832 + t * p))
    return -(e * 0.693147180559945309 + s * p)


@variant(negative_log, "float32")
def _negative_log32(u, v):
    bits = np.int32(np.float32(u).view(np.int32) - _ROOT_HALF32)
    e = np.float32(np.int32(bits >> np.int32(23)))
    m = np.int32((bits & np.int32(0x7FFFFF)) + _ROOT_HALF32).view(np.float32)
    f = -v if v < 0.25 else m - 1.0
    p = 0.116854199235 + f * (-0.114797338466 + f * 0.0697161147145)
    p = -0.166678023195 + f * (0.142490576457 + f * (-0.124256873315 + f * p))
    p = 0.3333333118 + f * (-0.24999996958 + f * (0.200007157489 + f * p))
    return -(e * 0.693147180559945309 + (f + f * f * (f * p - 0.5)))


@body
def circle(x, swap):
    """cos and sin of x pi / 4 for x in [-1, 1], the other way round if swap: half the circle in all."""
    r = x * 0.785398163397448310
    t = r * r
    p = 2.75573161025524401e-6 + t * (-2.50511318450036206e-8 + t * 1.59181292948663809e-10)
    p = 0.00833333333333094849 + t * (-0.000198412698367585743 + t * p)
    s = r + r * t * (-0.166666666666666646 + t * p)
    p = -2.75573172717297929e-7 + t * (2.08761462684031955e-9 + t * -1.13826324255215756e-11)
    p = 0.0416666666666666654 + t * (-0.00138888888888873972 + t * (2.48015872987656879e-5 + t * p))
    c = 1.0 - t * (0.5 - t * p)
    return (s, c) if swap else (c, s)


@variant(circle, "float32")
def _circle32(x, swap):
    r = x * 0.785398163397448310
    t = r * r
    s = r + r * t * (-0.166666646623143786 + t * (0.00833274827062974633 + t * -0.000195878908804119765))
    p = 0.0416666646595022067 + t * (-0.00138883030358948629 + t * 0.0000245479420850711625)
    c = 1.0 - t * (0.5 - t * p)
    return (s, c) if swap else (c, s)


@body
def box_muller(u, v, x, quadrant):
    """Two independent normals from a radius by u = 1 - v and a direction by x and two random bits."""
    radius = math.sqrt(2.0 * negative_log(u, v))
    c, s = circle(x, (quadrant & _1) != 0)
    radius = -radius if (quadrant & _2) != 0 else radius
    return radius * c, radius * s


@body
def within_two(x):
    """sqrt(2) erfinv(x erf(sqrt(2))): the normal between -2 and 2 at the signed quantile x in (-1, 1)."""
    y = x * 0.954499736103641586
    t = negative_log((1.0 - y) * (1.0 + y), y * y)          # erfinv(y) / y is smooth in it
    p = 2.01198496172873648e-9 + t * (-1.10982979595445611e-9 + t * (6.402150806184001e-11 + t * (
        9.65245250007974485e-12 + t * -1.06206487838657265e-12)))
    p = 2.85770270798378262e-6 + t * (-1.43365607567173172e-6 + t * (-5.07661584879639268e-8 + t * (
        3.06005503092198619e-8 + t * p)))
    p = -0.00330233242814414517 + t * (-0.000181080455465515838 + t * (0.0000659181221803390457 + t * p))
    z = y * (1.2533141373155005 + t * (0.32811687386917128 + t * (0.0163332361484170666 + t * p)))
    return max(min(z, 2.0), -2.0)


@variant(within_two, "float32")
def _within_two32(x):
    y = x * 0.954499736103641586
    t = negative_log((1.0 - y) * (1.0 + y), y * y)
    p = -0.00327241546329939582 + t * (-0.000219355383938483239 + t * (
        0.0000920904647455963477 + t * -6.55820546238415911e-6))
    z = y * (1.25331409584554645 + t * (0.328118562201195617 + t * (0.0163217678132724555 + t * p)))
    return max(min(z, 2.0), -2.0)
