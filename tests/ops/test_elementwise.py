"""Elementwise ops beyond the enumeration: fusion, conventions at kinks, dtypes, operators, errors."""
import inspect
import operator

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import numbaflow as nf
from numbaflow.core import fuse, table
from numbaflow.core.accumulate import accumulate
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.plans import Plan
from numbaflow.core.tape import make_node
from numbaflow.testing import check_gradients, check_op

RULES = [(op, x, rule) for op in table.OPS.values() if op.kernel is not None and op.rules
         and op.function.__module__.startswith("numbaflow.") for x,
         rule in op.rules.items() if rule is not None]
NOT_FUSED = {("real", "input")}                 # needs the dtype of its input


def grad(f, *args, order=1):
    for _ in range(order):
        f = (lambda h: lambda *xs: nf.gradients_function(h)(*xs)[0])(f)
    return f(*args).numpy()


def f64(*values):
    return np.array(values, np.float64)


# ---- fusion
@pytest.mark.parametrize(("op", "x", "rule"), RULES, ids=[f"{op.name}-{x}" for op, x, _ in RULES])
def test_a_rule_becomes_one_kernel(op, x, rule):
    names = list(inspect.signature(rule).parameters)
    letters = [op.letter(a) for a in names]
    fused = None if None in letters else fuse.fuse(rule, names, letters, "rule")
    assert (fused is None) == ((op.name, x) in NOT_FUSED)


@pytest.mark.parametrize("op", [op for op in table.OPS.values() if op.kernel is not None and op.rules
                                and op.function.__module__.startswith("numbaflow.")], ids=lambda op: op.name)
def test_the_fused_rules_agree_with_the_rules_as_they_stand(op):
    plan = Plan(op, (1 << len(op.inputs)) - 1)
    for sample in op.samples:
        args, kwargs = sample.make(dtype="float32")
        if not sample.grad or kwargs or any(np.result_type(a).kind == "c" for a in args):
            continue
        inputs = [nf.constant(a) for a in args]
        if len(inputs) < len(op.inputs) or inputs[op.kernel.key].dtype != "float32":
            continue
        output = op.face(*inputs)
        g = nf.constant(np.random.default_rng(0).standard_normal(output.shape).astype(output.dtype.dtype))
        saved = plan.collect(inputs, output, ())
        with np.errstate(all="ignore"):
            expected = plan.run(g, saved)

        served = list(range(len(op.inputs)))
        served = [served[k] for k in plan.chosen] if plan.chosen is not None else served
        nodes = [make_node(inputs[k]._data, frozenset()) for k in served]
        added, grads = {}, {}
        for _ in range(2):                      # the second time the gradients are added to the first
            plan.backward(g, saved, nodes, grads)
            accumulate(added, nodes, expected)
            for node in nodes:
                np.testing.assert_allclose(grads[node].numpy(), added[node].numpy(), rtol=1e-5, atol=1e-5)


# ---- higher orders
@pytest.mark.parametrize("op", ["exp", "multiply", "pow", "sin", "tanh"])
def test_third_order(op):
    check_op(op, order=3)


@pytest.mark.parametrize(("f", "x"),
                         [(lambda x: x ** 2, 3.0), (lambda x: x ** 3, -2.0), (lambda x: x ** 0.5, 3.0),
                                      (lambda x: x ** -1, 2.0), (lambda x: x ** 1, 2.0),
                          (lambda x: x ** 2.5, 2.0)])
def test_constant_powers(f, x):
    check_gradients(f, [f64(x)], order=3)
    np.testing.assert_allclose(f(nf.constant(f64(x))).numpy(), f(f64(x)), rtol=1e-15)


def test_a_constant_power_has_the_dtype_of_pow():
    i, x = nf.constant([4, 9]), nf.constant([4.0, 9.0])
    for base in (i, x):
        for power in (1, 2, 3, -1, 0.5, 2.0, 3.0, -1.0):
            assert (base ** power).dtype == nf.pow(base, power).dtype
            np.testing.assert_allclose((base ** power).numpy(), nf.pow(base, power).numpy(), rtol=1e-6)


# ---- conventions of gradients at ties and kinks, as in TensorFlow
@pytest.mark.parametrize(("f", "x", "expected"), [
    (nf.abs, 0.0, 0.0), (nf.sign, 2.0, 0.0), (nf.sqrt, 0.0, np.inf), (nf.nn.softplus, 1000.0, 1.0),
    (nf.nn.relu, 0.0, 0.0), (nf.nn.relu, np.nan, 0.0), (nf.nn.relu6, 6.0, 0.0), (nf.nn.leaky_relu, 0.0, 0.2),
                                                  (nf.nn.elu, 0.0, 1.0),
    (lambda x: nf.pow(x, 0.0), 0.0, 0.0), (lambda x: nf.pow(x, 2.0), 0.0, 0.0),
    (lambda x: nf.pow(0.0, x), 2.0, 0.0), (lambda x: nf.pow(-2.0, x), 3.0, 0.0),
    (lambda x: nf.maximum(x, 1.0), 1.0, 1.0), (lambda x: nf.maximum(1.0, x), 1.0, 0.0),
    (lambda x: nf.minimum(x, 1.0), 1.0, 1.0), (lambda x: nf.minimum(1.0, x), 1.0, 0.0),
    (lambda x: nf.clip_by_value(x, 0.0, 1.0), 1.0, 1.0), (lambda x: nf.clip_by_value(x, 0.0, 1.0), 1.5, 0.0),
    (lambda x: nf.div_no_nan(x, 0.0), 1.0, 0.0), (lambda x: nf.div_no_nan(1.0, x), 0.0, 0.0)])
def test_gradient_at_a_kink(f, x, expected):
    np.testing.assert_array_equal(grad(f, x), np.float32(expected))


def test_no_gradient_where_there_is_none():
    for f in (nf.floor, nf.ceil, nf.round, nf.rint, lambda x: nf.floordiv(x, 2.0)):
        assert nf.gradients_function(f)(1.5) == [None]


def test_second_order_of_abs_is_zero():
    np.testing.assert_array_equal(grad(nf.abs, f64(1.0, -2.0, 0.0), order=2), 0.0)


def test_complex_gradients_point_uphill():
    z = np.array([1.0 + 2.0j, -0.5j])
    np.testing.assert_allclose(grad(lambda z: nf.abs(z) ** 2, z), 2 * z)
    np.testing.assert_allclose(grad(nf.real, z), 1.0)
    np.testing.assert_allclose(grad(nf.imag, z), 1j)
    np.testing.assert_allclose(grad(lambda x: nf.real(nf.complex(x, 2.0 * x) * (1 - 1j)), f64(3.0)), [3.0])


# ---- dtypes
@pytest.mark.parametrize(("x", "y", "expected"), [
    ("int32", "int32", "float64"), ("int64", "int32", "float64"), ("int8", "int16", "float32"),
    ("uint8", "uint8", "float32"), ("float32", "int64", "float32"), ("float32", "float64", "float64")])
def test_division_is_of_floats(x, y, expected):
    assert (nf.constant(np.array([3], x)) / nf.constant(np.array([2], y))).dtype == expected


@pytest.mark.parametrize(("value", "dtype"),
                         [(2, "float32"), (2.0, "float64"), (2, "int8"), (1j, "complex64"), (True, "bool")])
def test_python_numbers_take_the_dtype_they_meet(value, dtype):
    assert nf.equal(nf.constant(np.ones(2, dtype)), value).dtype == "bool"
    if dtype != "bool":
        assert (nf.constant(np.ones(2, dtype)) + value).dtype == dtype
        assert (value + nf.constant(np.ones(2, dtype))).dtype == dtype


def test_div_is_that_of_python_2():
    assert nf.div(-7, 2).numpy() == -4
    assert nf.div(-7.0, 2).numpy() == -3.5
    assert nf.div(-7, nf.constant(2)).dtype == "int32"


# ---- operators
@pytest.mark.parametrize("symbol",
                         ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lt", "le", "gt", "ge",
                          "eq", "ne"])
def test_operators_on_floats_and_reflected(symbol):
    f, x, y = getattr(operator, symbol), f64(1.5, -2.0, 3.0), f64(2.0, 3.0, -0.5)
    t, u = nf.constant(x), nf.constant(y)
    found = [f(t, u), f(t, 2.5), f(2.5, t), f(t, y), f(x, u), f(np.float64(2.5), t)]
    with np.errstate(invalid="ignore"):
        wanted = [f(x, y), f(x, 2.5), f(2.5, x), f(x, y), f(x, y), f(2.5, x)]
    for got, want in zip(found, wanted, strict=True):
        assert isinstance(got, nf.Tensor)
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-15)


@pytest.mark.parametrize("symbol", ["and_", "or_", "xor", "lshift", "rshift"])
def test_operators_on_integers_and_reflected(symbol):
    f, x, y = getattr(operator, symbol), np.array([12, -7, 1]), np.array([10, 3, 2])
    np.testing.assert_array_equal(f(nf.constant(x), nf.constant(y)).numpy(), f(x, y))
    np.testing.assert_array_equal(f(nf.constant(x), 3).numpy(), f(x, 3))
    np.testing.assert_array_equal(f(3, nf.constant(y)).numpy(), f(3, y))


def test_unary_operators_and_logic_on_bools():
    x, b = nf.constant([1.0, -2.0]), nf.constant([True, False])
    assert (-x).numpy().tolist() == [-1.0, 2.0]
    assert abs(x).numpy().tolist() == [1.0, 2.0]
    assert (~b).numpy().tolist() == [False, True]
    assert (b & True).numpy().tolist() == (True & b).numpy().tolist() == [True, False]
    assert (b == True).numpy().tolist() == [True, False]       # noqa: E712


def test_comparison_with_what_is_no_number():
    x = nf.constant([1.0])
    assert (x == None) is False       # noqa: E711
    assert (x != None) is True       # noqa: E711
    assert (x == "a") is False


# ---- against NumPy
NUMBERS = st.sampled_from(["float32", "float64", "int32", "int64", "uint8"])
BINARY = [("add", np.add), ("multiply", np.multiply), ("maximum", np.maximum), ("floordiv", np.floor_divide),
          ("floormod", np.mod), ("less", np.less), ("equal", np.equal), ("divide", np.true_divide)]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize(("name", "reference"), BINARY)
def test_binary_ops_agree_with_numpy(name, reference, data):
    dtype = np.dtype(data.draw(NUMBERS))
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3,
                                                         min_side=0)).input_shapes
    x, y = (data.draw(hnp.arrays(dtype, s)) for s in shapes)
    if dtype.kind in "iu" and name in ("floordiv", "floormod", "divide"):
        y = np.where(y == 0, y + y.dtype.type(1), y)
    with np.errstate(all="ignore"):
        want = reference(x, y)
    got = getattr(nf, name)(x, y).numpy()
    assert got.shape == want.shape
    if dtype.kind == "f" and name in ("floordiv", "floormod"):
        # beyond this the quotient has no fraction left, and rounding decides
        with np.errstate(all="ignore"):
            fits = np.abs(x / y) < 1e3
        got, want = np.asarray(got)[fits], np.asarray(want)[fits]
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-30)


def test_floats_divided_by_zero_and_infinity():
    x, y = f64(5, -5, 0, np.inf, 5, -5, np.nan), f64(0, 0, 0, 2, np.inf, np.inf, 1)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(nf.floordiv(x, y).numpy(), np.floor_divide(x, y))
        np.testing.assert_array_equal(nf.floormod(x, y).numpy(), np.mod(x, y))
    np.testing.assert_array_equal(nf.divide(f64(1, -1, 0), 0.0).numpy(), [np.inf, -np.inf, np.nan])


def test_integers_never_trap():
    least = np.array([np.iinfo(np.int32).min, 7], np.int32)
    for y in (0, -1):
        assert nf.floordiv(least, y).shape == nf.floormod(least, y).shape == (2,)
    assert nf.pow(nf.constant([2, -1, 1, 0]), -3).numpy().tolist() == [0, -1, 1, 0]
    assert nf.bitwise.left_shift(nf.constant([1, 1]), [40, -1]).shape == (2,)


def test_a_factor_of_zero_wins():
    x, y = f64(0.0, 0.0, 2.0), f64(0.0, np.inf, 1.0)
    np.testing.assert_array_equal(nf.math.xlogy(x, y).numpy(), 0.0)
    np.testing.assert_array_equal(nf.math.xdivy(x, y).numpy(), [0.0, 0.0, 2.0])
    entropy = grad(lambda p: -nf.math.xlogy(p, p), f64(0.0, 1.0))
    np.testing.assert_array_equal(entropy, [0.0, -1.0])


@pytest.mark.parametrize("name", ["digamma", "polygamma"])
def test_the_gamma_family_has_derivatives_of_any_order(name):
    f = nf.digamma if name == "digamma" else lambda x: nf.polygamma(2.0, x)
    check_gradients(f, [f64(0.7, 2.5)], order=4)


# ---- where and select
def test_where_chooses_rows_as_tensorflow_1_does():
    x, y = np.arange(4.0).reshape(2, 2), -np.ones((2, 2))
    assert nf.where([True, False], x, y).numpy().tolist() == [[0.0, 1.0], [-1.0, -1.0]]
    assert nf.where([[True, False]], x, y).numpy().tolist() == [[0.0, -1.0], [2.0, -1.0]]
    assert nf.where([True, False], x, -1.0).numpy().tolist() == [[0.0, -1.0], [2.0, -1.0]]


def test_where_without_values_gives_indices():
    found = nf.where([[True, False], [True, True]])
    assert found.dtype == "int64"
    assert found.numpy().tolist() == [[0, 0], [1, 0], [1, 1]]


def test_select_keeps_nan_of_the_other_side_out_of_the_gradient():
    dx = grad(lambda x: nf.select(x > 0.0, nf.sqrt(nf.select(x > 0.0, x, 1.0)), 0.0), f64(-1.0, 4.0))
    assert dx.tolist() == [0.0, 0.25]


# ---- casting
def test_cast():
    assert nf.cast([1.9, -1.9], "int32").numpy().tolist() == [1, -1]
    assert nf.cast(1 + 2j, "float32").numpy() == 1.0
    assert nf.cast([np.nan, np.inf], np.int32).dtype == "int32"             # whatever, without a warning
    assert grad(lambda x: nf.cast(x, "float64") * 2.0, np.float32(1.0)).dtype == np.float32
    assert nf.to_float([1]).dtype == "float32"
    assert nf.to_int64([1.0]).dtype == "int64"
    x = nf.constant(np.arange(1 << 17))
    np.testing.assert_array_equal(nf.cast(x, "float32").numpy(), np.arange(1 << 17, dtype=np.float32))


@pytest.mark.parametrize(("given", "dtype", "expected"), [
    (np.array([-1e30, 1e30, 5.5], np.float32), "int32", [-2**31, 2**31 - 128, 5]),
    (np.array([-1e30, 1e30]), "int32", [-2**31, 2**31 - 1]), ([300, -5], "uint8", [255, 0]),
    (np.array([200], np.uint8), "int8", [127]), (np.array([2**64 - 1], np.uint64), "int64", [2**63 - 1]),
    (np.array([1e300, -1e300]), "float32", [np.finfo("f4").max, np.finfo("f4").min]), ([-3], "uint64", [0])])
def test_saturate_cast(given, dtype, expected):
    y = nf.saturate_cast(given, dtype)
    assert y.dtype == dtype
    assert y.numpy().tolist() == expected


# ---- several inputs, large ones
def test_add_n():
    rng = np.random.default_rng(0)
    xs = [rng.standard_normal((300, 300)) for _ in range(4)]
    before = [x.copy() for x in xs]
    np.testing.assert_allclose(nf.add_n(xs).numpy(), sum(xs))
    assert all((x == b).all() for x, b in zip(xs, before, strict=True))
    grads = nf.gradients_function(lambda *xs: nf.add_n(xs))(1.0, 2.0, 3.0)
    assert [float(g) for g in grads] == [1.0, 1.0, 1.0]


def test_crelu():
    assert nf.nn.crelu([[-1.0, 2.0]]).numpy().tolist() == [[0.0, 2.0, 1.0, 0.0]]
    assert nf.nn.crelu([[-1.0, 2.0]], axis=0).shape == (2, 2)


# ---- errors name the op, what came and what was expected
@pytest.mark.parametrize(("call", "text"), [
    (lambda: nf.add([1.0, 2.0], [1.0, 2.0, 3.0]), r"add: shapes \(2,\) and \(3,\)"),
    (lambda: nf.exp([True]), "exp: dtype bool is not among floats, complex"),
    (lambda: nf.less([1j], [2j]), "less: dtype complex128"),
    (lambda: nf.logical_and([1.0], [2.0]), "logical_and: dtype float32 is not among bool"),
    (lambda: nf.select([1], [1.0], [2.0]), "select: dtypes int32 and float32 and float32"),
    (lambda: nf.add([True], [1.0]), "add: a bool tensor and a float32 tensor do not mix"),
    (lambda: nf.add_n([[1.0], [1.0, 2.0]]), r"add_n: expected tensors of one shape, got \(1,\), \(2,\)"),
    (lambda: nf.cast([1.0], "string"), "cast: 'string' is not a dtype"),
    (lambda: nf.complex(1j, 2.0), "complex: expected floats, got complex128")])
def test_errors(call, text):
    with pytest.raises(InvalidArgumentError, match=text) as raised:
        call()
    assert isinstance(raised.value, ValueError)
    assert isinstance(raised.value, TypeError)


def test_errors_of_compositions():
    with pytest.raises(ValueError, match="x and y must both be given"):
        nf.where([True], [1.0])
    with pytest.raises(ValueError, match=r"scalar_mul: expected a scalar, got shape \(1,\)"):
        nf.scalar_mul([1.0], [2.0])
    with pytest.raises(TypeError, match="accumulate_n: expected int32 tensors, got float32"):
        nf.accumulate_n([[1.0]], tensor_dtype="int32")


def test_complex_division_by_zero():
    x, y = np.array([1, 2 + 2j, 3], np.complex64), np.array([0, 1, 2], np.complex64)
    with np.errstate(all="ignore"):
        want = x / y
    np.testing.assert_array_equal(nf.divide(x, y), want)
    np.testing.assert_array_equal(nf.function(lambda x, y: x / y * 1.0 + 0.0)(x, y), want)
    dx, dy = nf.gradients_function(nf.divide)(x, y)
    np.testing.assert_array_equal(dx.numpy()[1:], [1, 0.5])
    np.testing.assert_array_equal(dy.numpy()[1:], [-2 + 2j, -0.75])
    assert not np.isfinite([dx.numpy()[0], dy.numpy()[0]]).any()
