"""A user's own ops, by nf.elementwise and nf.op: recorded, differentiated to any order, checked like any."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core import table
from numbaflow.testing import check_gradients, check_op, integers, normal, uniform


@pytest.fixture(autouse=True)
def the_table_is_as_it_was():
    before = dict(table.OPS)
    yield
    table.OPS.clear()
    table.OPS.update(before)


def values(gradients):
    return [None if g is None else g.numpy().tolist() for g in gradients]


def soft_body(x, k):
    return x / (1.0 + abs(k * x))


def declare_soft():
    @nf.elementwise(soft_body, reference=lambda x, k: x / (1 + np.abs(k * x)),
                    grads={"x": lambda g, x, k: g / nf.square(1.0 + abs(k * x)),
                           "k": lambda g, y, x: -g * y * y * nf.sign(x)},
                    samples=[nf.Sample(uniform(3, 4, low=0.2), uniform(4, low=0.5)), nf.Sample(2.0, 1.0)])
    def soft(x, k, name=None):
        """x / (1 + |k x|), for k > 0."""
    return soft


def test_an_elementwise_op_of_ones_own():
    soft = declare_soft()
    check_op(soft, order=3)
    assert soft(nf.constant([1.0, -3.0]), 1.0).numpy().tolist() == [0.5, -0.75]
    assert values(nf.gradients_function(soft)(1.0, 1.0)) == [0.25, -0.25]
    assert soft.__name__ == "soft"
    assert soft.__doc__ == "x / (1 + |k x|), for k > 0."
    with pytest.raises(nf.errors.InvalidArgumentError, match=r"^soft: shapes"):
        soft(np.ones(2), np.ones(3))


def test_an_op_compiled_by_the_user():
    numba = pytest.importorskip("numba")

    @numba.njit
    def halved(x):
        return 0.5 * x

    @nf.elementwise(halved, grads={"x": lambda g: 0.5 * g}, reference=lambda x: x / 2,
                    samples=[nf.Sample(normal(3))])
    def half(x, name=None):
        """Half of x."""
    check_op(half)


def test_an_array_op_with_attributes():
    @nf.op(inputs="x", reference=lambda x, shift, axis=0: np.roll(x, shift, axis),
           grads={"x": lambda g, shift, axis: table.face("rolled")(g, -shift, axis)},
           samples=[nf.Sample(normal(3, 4), 1), nf.Sample(normal(3, 4), -2, axis=1)])
    def rolled(x, shift, axis=0, name=None):
        """x, rolled."""
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(f"axis {axis} of an array of {x.ndim} dimensions")
        return np.roll(x, shift, axis)
    check_op(rolled)
    weights = nf.constant([1.0, 2.0, 3.0])
    grad = nf.gradients_function(lambda x: rolled(x, 1) * weights)
    assert values(grad([5.0, 6.0, 7.0])) == [[2.0, 3.0, 1.0]]
    with pytest.raises(nf.errors.InvalidArgumentError, match=r"^rolled: axis 4 of an array of 1 dimensions"):
        rolled([1.0], 1, axis=4)


def test_an_op_of_lists_with_several_outputs():
    @nf.op(inputs="*values scale", outputs="total first", promote="scale",
           reference=lambda values, scale: (sum(values) * scale, values[0] * 2),
           grads={"values": lambda g, values, scale: [g[0] * scale + (g[1] * 2.0 if k == 0 else 0.0)
                                                      for k in range(len(values))],
                  "scale": lambda g, values: g[0] * nf.add_n(values)},
           samples=[nf.Sample([normal(3), normal(3)], normal(3))])
    def weighted(values, scale, name=None):
        """The sum of values times scale, and twice the first of them."""
        return sum(values) * scale, values[0] * 2
    check_op(weighted)
    a, b, s = nf.constant(1.0), nf.constant(2.0), nf.constant(10.0)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch([a, s])
        total, first = weighted([a, b], s)
    assert (total.numpy(), first.numpy()) == (30.0, 2.0)
    assert values(tape.gradient([total, first], [a, b, s])) == [12.0, None, 3.0]
    assert values(tape.gradient(first, [a, s])) == [2.0, 0.0]


def test_rules_may_stand_in_any_order():
    @nf.op(inputs="x y z", promote="x y z", reference=lambda x, y, z: x * y + z,
           grads={"z": lambda g: g, "y": lambda g, x: g * x, "x": lambda g, y: g * y},
           samples=[nf.Sample(normal(3), normal(3), normal(3))])
    def affine(x, y, z, name=None):
        """x y + z."""
        return x * y + z
    check_op(affine)
    for params in (["x"], ["y"], ["z"], ["z", "x"], ["x", "y"], ["y", "z", "x"]):
        expected = [{"x": 3.0, "y": 2.0, "z": 1.0}[p] for p in params]
        assert values(nf.gradients_function(affine, params=params)(2.0, 3.0, 4.0)) == expected


def test_one_rule_for_several_inputs():
    calls = []

    def joint(g, x, y):
        calls.append(1)
        return g * y, g * x

    @nf.op(inputs="x y", promote="x y", grads={("x", "y"): joint}, reference=np.multiply,
           samples=[nf.Sample(normal(3), normal(3))])
    def product(x, y, name=None):
        """x y, with one rule for both."""
        return x * y
    check_op(product)
    calls.clear()
    assert values(nf.gradients_function(product)(2.0, 3.0)) == [3.0, 2.0]
    assert len(calls) == 1
    assert values(nf.gradients_function(product, params=["y"])(2.0, 3.0)) == [2.0]


def test_complex_outputs_of_an_op_with_several():
    @nf.op(inputs="z", outputs="square cube", reference=lambda z: (z**2, z**3),
           grads={"z": lambda g, z: 2.0 * z * g[0] + 3.0 * z * z * g[1]},
           samples=[nf.Sample(normal(3))])
    def powers(z, name=None):
        """The square and the cube."""
        return z * z, z * z * z
    check_op(powers)
    z = np.array([1 + 2j, -1j])
    (g,) = nf.gradients_function(powers)(z)
    np.testing.assert_allclose(g.numpy(), np.conj(2 * z + 3 * z * z))
    check_gradients(powers, [z])


def test_complex_values_in_a_list():
    @nf.op(inputs="*zs", reference=lambda zs: zs[0] * zs[1], samples=[nf.Sample([normal(2), normal(2)])],
           grads={"zs": lambda g, zs: [g * zs[1], g * zs[0]]})
    def pair_product(zs, name=None):
        """The product of two."""
        return zs[0] * zs[1]
    a, b = np.array([1 + 2j]), np.array([3 - 1j])
    da, db = nf.gradients_function(lambda x, y: pair_product([x, y]))(a, b)
    np.testing.assert_allclose(da.numpy(), np.conj(b))
    np.testing.assert_allclose(db.numpy(), np.conj(a))


def test_inputs_said_to_have_no_gradient():
    @nf.op(inputs="x n", grads={"x": lambda g, n: g * nf.cast(n, nf.float64), "n": None},
           reference=lambda x, n: x * n, samples=[nf.Sample(normal(3), integers(3))])
    def repeated(x, n, name=None):
        """x n times."""
        return x * n
    check_op(repeated)
    x, y = nf.constant(np.ones(2)), nf.constant(np.ones(2))
    with nf.GradientTape(persistent=True) as tape:
        tape.watch([x, y])
        z = repeated(x, y)
    assert values(tape.gradient(z, [x, y])) == [[1.0, 1.0], None]
    assert "repeated" not in nf.why_none(tape, z, x)


def test_an_op_declared_without_gradients():
    @nf.op(inputs="x", grads=None, reference=np.sort, samples=[nf.Sample(normal(3))])
    def ordered(x, name=None):
        """x in order."""
        return np.sort(x)
    x = nf.constant([2.0, 1.0])
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = ordered(x)
    assert tape.gradient(y, x) is None
    assert "ordered (1 times" in nf.why_none(tape, y, x)


def test_views_of_an_input_are_fine():
    @nf.op(inputs="x", grads={"x": lambda g: table.face("flipped")(g)}, reference=lambda x: x[::-1],
           samples=[nf.Sample(normal(3))])
    def flipped(x, name=None):
        """x backwards."""
        return x[::-1]
    check_op(flipped)
    weighted = nf.gradients_function(lambda x: flipped(x) * nf.constant([1.0, 2.0]))
    assert values(weighted([3.0, 4.0])) == [[2.0, 1.0]]


def test_the_operator_of_an_op():
    soft = declare_soft()
    assert soft.op.name == "soft"
    assert repr(soft.op) == "<op soft(x, k)>"
    assert table.OPS["soft"].face is soft
