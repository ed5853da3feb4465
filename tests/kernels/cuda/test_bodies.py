"""Scalar bodies of the whole op table in CUDA: what they compile to, and their values as plain Python."""
import re

import mpmath
import numpy as np
import pytest
from numba import cuda, types
from numba.np.numpy_support import from_dtype
from numbaflow.kernels import jit, optimizers, philox, scalar, trigonometric
from numbaflow.kernels.cuda import bodies

from numbaflow.core import fuse
from numbaflow.core.table import OPS

DTYPES = [np.dtype(t) for t in ("float32", "float64", "int32", "int64", "uint8", "bool", "complex64",
                                "complex128")]
ELEMENTWISE = sorted(name for name, op in OPS.items() if op.kernel is not None)
UPDATES = sorted(name for name, update in vars(optimizers).items() if isinstance(update, optimizers.Update))
# what float64 is left in float32: the gamma family, and arguments of sin, cos and tan above 2**16
DOUBLE = {"lgamma", "digamma", "trigamma", "tetragamma", "polygamma", "zeta", "sin", "cos", "tan"}
ARCHITECTURE = (9, 0)
# relative errors where compiled code adds in another order, and what it gives for infinities is left open
UNSURE = {"binary_cross_entropy": 2e-2, "gelu": 3e-6, "polygamma": 1e-5}


# ---- code
def ptx(function, signature):
    from numbaflow.kernels.cuda.toolchain import compiled
    return compiled(function, signature, ARCHITECTURE).ptx


def over(body, count):
    """A kernel of a body of so many arguments."""
    names = [f"x{k}" for k in range(count)]
    scope = {"__name__": __name__, "cuda": cuda, "body": body}
    exec(f"def over({', '.join(names)}, out):\n"
         "    i = cuda.grid(1)\n"
         "    if i < out.size:\n"
         f"        out[i] = body({', '.join(f'{x}[i]' for x in names)})", scope)
    return scope["over"]


def arrays(kernel, dtype):
    """The types of an op's operands and result."""
    return [from_dtype(np.dtype(kernel._dtype_name(letter, dtype.name)))[::1]
            for letter in (*kernel._inputs, kernel.output)]


def check(text, dtype, double=False):
    """No memory of a thread's own and no calls but for complex numbers; float32 stays float32."""
    if dtype.kind != "c":
        assert not re.search(r"\.local|\bcall\b", text)
    if dtype == np.float32 and not double:
        assert ".f64" not in text


@pytest.mark.ptx
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_ops_compile(name):
    kernel = OPS[name].kernel
    for dtype in DTYPES:
        if dtype.kind in kernel.kinds:
            text = ptx(over(kernel.function, len(kernel._inputs)), arrays(kernel, dtype))
            check(text, dtype, name in DOUBLE)


@pytest.mark.ptx
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_fused_gradient_rules_compile(name):
    op = OPS[name]
    for rule, names, _ in op.rules_for(op.inputs):
        letters = [op.letter(a) for a in names]
        fused = None not in letters and fuse.fuse(rule, names, letters, f"{name}_grad")
        if isinstance(fused, fuse.Elementwise):
            text = ptx(over(fused.function, len(fused._inputs)), arrays(fused, DTYPES[0]))
            check(text, DTYPES[0], name in DOUBLE)


@pytest.mark.ptx
@pytest.mark.parametrize("name", UPDATES)
def test_update_rules_compile(name):
    rule = getattr(optimizers, name).rule
    names = rule.__code__.co_varnames[:rule.__code__.co_argcount]
    states, constants = names[:names.index("g")], names[names.index("g") + 1:]
    new = ", ".join(f"{x}[i]" for x in states)
    scope = {"__name__": __name__, "cuda": cuda, "rule": rule}
    exec(f"def update({', '.join(names)}):\n"
         "    i = cuda.grid(1)\n"
         "    if i < p.size:\n"
         f"        {new} = rule({new}, g[i], {', '.join(constants)})", scope)
    for kind in (types.float32, types.float64):
        signature = [kind[::1]] * (len(states) + 1) + [kind] * len(constants)
        check(ptx(scope["update"], signature), np.dtype(kind.name))


@pytest.mark.ptx
def test_exact_divisions_and_roots_are_exact():
    vector = types.float32[::1]
    assert "div.rn.f32" in ptx(over(scalar.divide, 2), [vector] * 3)
    assert "sqrt.rn.f32" in ptx(over(scalar.sqrt, 1), [vector] * 2)


@pytest.mark.ptx
def test_numpy_functions_in_a_body_of_ones_own():
    @jit.body
    def own(x):
        return np.exp(x) + np.sqrt(np.abs(x)) * np.expm1(np.floor(x)) - np.fmod(x, np.cbrt(x))

    for dtype in DTYPES[:2]:
        check(ptx(over(own, 1), [from_dtype(dtype)[::1]] * 2), dtype)


def words(seed, out):
    i = cuda.grid(1)
    if i < out.shape[0]:
        w = philox.block(np.uint64(i), np.uint64(0), np.uint64(seed), np.uint64(1))
        for k in range(4):
            out[i, k] = w[k]


def draws(w, low, high):
    i = cuda.grid(1)
    if i < low.shape[1]:
        u, v = philox.unit32(w[i])
        low[0, i], low[1, i] = philox.box_muller(u, v, philox.signed32(w[i]), w[i])
        low[2, i] = philox.within_two(philox.signed32(w[i]))
        u, v = philox.unit64(w[i], w[i])
        high[0, i], high[1, i] = philox.box_muller(u, v, philox.signed64(w[i], w[i]), w[i])
        high[2, i] = philox.within_two(philox.signed64(w[i], w[i]))


@pytest.mark.ptx
def test_draws_compile():
    integers = types.uint64[::1]
    check(ptx(words, [types.int64, types.uint64[:, ::1]]), np.dtype(np.uint64))
    text = ptx(draws, [integers, types.float32[:, ::1], types.float64[:, ::1]])
    check(text, np.dtype(np.float64))


# ---- values
VALUES = {"f": [0.0, -0.0, np.inf, -np.inf, np.nan, 0.5, -0.5, 2.5, -2.5, 3.0, -1.0, 1.0, 20.0, 1e-5, 7.3,
                -7.3],
          "i": [0, 1, 2, 3, 7, 100, -1, -2, -7, np.iinfo(np.int32).min], "b": [False, True],
          "c": [1 + 2j, -1.5 + 0.5j, 2 - 3j, -1, 1j, 0.3 - 0.2j]}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_plain_python_gives_the_values_of_compiled_code(name):
    from numbaflow.kernels.cuda.simulation import plain
    kernel = OPS[name].kernel
    run = plain(kernel.function)
    for dtype in (np.dtype(t) for t in ("float32", "int32", "complex64")):
        if dtype.kind not in kernel.kinds:
            continue
        given = [np.dtype(kernel._dtype_name(letter, dtype.name)) for letter in kernel._inputs]
        values = [np.array(VALUES[d.kind][::1 if len(given) < 3 else 2], d) for d in given]
        if name == "pow" and dtype.kind == "i":
            values = [np.clip(v, -9, 9) for v in values]        # (plain Python refuses what overflows)
        operands = [x.ravel() for x in np.meshgrid(*values)]
        with np.errstate(all="ignore"):
            want = kernel[dtype](*operands)
            got = np.empty_like(want)
            for i in range(want.size):
                got[i] = run(*[x[i] for x in operands])
        if want.dtype.kind in "fc":
            sure = np.isfinite(want) if name in UNSURE else np.ones(want.size, bool)
            np.testing.assert_allclose(got[sure], want[sure], rtol=UNSURE.get(name, 3e-6), atol=1e-30)
        else:
            np.testing.assert_array_equal(got, want)


def test_arguments_of_circular_functions_reduced_in_float32():
    @jit.body(exact=True)
    def sin(x):
        r, q = bodies.reduced32(x)
        return trigonometric._sin_choice(x, q, trigonometric._sin_near32(r), trigonometric._cos_near32(r))

    random = np.random.default_rng(0)
    quarters = np.round(random.uniform(-41720, 41720, 2000)) * np.pi / 2          # where the rest is small
    x = np.concatenate([quarters, random.uniform(-65536, 65536, 2000), random.normal(size=2000),
                        [65536.0, 65540.0, 1e9, -1e30, 0.0, -0.0, 1e-20]]).astype(np.float32)
    got = np.empty_like(x)

    @jit.kernel
    def each(x, out):
        for i in range(x.size):
            out[i] = sin(x[i])
    each(x, got)
    want = np.array([float(mpmath.sin(float(v))) if v else v for v in x])
    assert np.all(np.abs(got - want) <= 1.6 * np.spacing(np.abs(want.astype(np.float32))))
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


def test_complex_functions():
    random = np.random.default_rng(0)
    x, y = (random.normal(size=100) + 1j * random.normal(size=100) for _ in range(2))
    for function, reference, operands in ((bodies.expm1, np.expm1, (x,)), (bodies.log1p, np.log1p, (x,)),
                                          (bodies.power, np.power, (x, y))):
        got = [function(*at) for at in zip(*operands, strict=True)]
        np.testing.assert_allclose(got, reference(*operands), rtol=1e-14)
    at = [(2j, 1j), (0j, 2.5 + 0j), (3j, 0j), (1 + 1j, 2 + 0j)]
    got = [bodies.power(np.complex128(x), np.complex128(y)) for x, y in at]
    np.testing.assert_allclose(got, [x**y for x, y in at], rtol=1e-14)
