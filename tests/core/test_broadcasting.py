"""Properties over random shapes: broadcasting gradients are sums, and a fused rule is the rule on tensors."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import numbaflow as nf
from numbaflow.core import table

SHAPES = mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3, min_side=0)


def summed_to(array, shape):
    """NumPy's way: sum over the axes that broadcasting added or repeated."""
    array = array.sum(axis=tuple(range(array.ndim - len(shape))))
    axes = tuple(k for k, n in enumerate(shape) if n == 1 and array.shape[k] != 1)
    return array.sum(axis=axes, keepdims=True)


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.integers(0, 2**32 - 1), st.booleans())
def test_gradients_of_broadcast_operands(shapes, seed, recorded):
    (first, second), result = shapes.input_shapes, shapes.result_shape
    rng = np.random.default_rng(seed)
    a, b, w = (rng.standard_normal(s) for s in (first, second, result))
    x, y = nf.constant(a), nf.constant(b)
    with nf.GradientTape() as outer:
        if recorded:
            outer.watch(x)              # the walk runs on tensors, and records
        with nf.GradientTape() as tape:
            tape.watch([x, y])
            z = x * y - y
        dx, dy = tape.gradient(z, [x, y], output_gradients=nf.constant(w))
    assert tuple(z.shape) == result
    for got, each, shape in ((dx, w * b, first), (dy, w * (a - 1.0), second)):
        assert tuple(got.shape) == shape
        expected = summed_to(np.broadcast_to(each, result), shape)
        np.testing.assert_allclose(got.numpy(), expected, atol=1e-12)
    if recorded:
        second_order = outer.gradient(dy, x)
        assert tuple(second_order.shape) == first
        np.testing.assert_allclose(second_order.numpy(), summed_to(w, first), atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3), st.integers(0, 2**32 - 1))
def test_gradients_of_a_select(shapes, seed):
    rng = np.random.default_rng(seed)
    c, a, b = (rng.standard_normal(s) for s in shapes.input_shapes)
    with nf.GradientTape() as tape:
        x, y = nf.constant(a), nf.constant(b)
        tape.watch([x, y])
        z = nf.select(nf.constant(c > 0), x, y)
    dx, dy = tape.gradient(z, [x, y])
    chosen = np.broadcast_to(c > 0, shapes.result_shape).astype(float)
    np.testing.assert_array_equal(dx.numpy(), summed_to(chosen, a.shape))
    np.testing.assert_array_equal(dy.numpy(), summed_to(1 - chosen, b.shape))


ELEMENTWISE = sorted((op for op in table.OPS.values() if op.kernel is not None and op.rules
                      and op.function.__module__.startswith("numbaflow.")), key=lambda op: op.name)


@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_fused_rules_agree_with_rules_on_tensors(op):
    """The same gradient, with no tape listening (fused kernels) and with one (ops on tensors)."""
    for sample in op.samples:
        if not sample.grad:
            continue
        args, kwargs = sample.make(seed=1, dtype="float64")
        xs = [nf.constant(a) for a in args[:len(op.inputs)]]
        sources = [x for x in xs if x.dtype.is_floating]
        with nf.GradientTape(persistent=True) as tape:
            tape.watch(sources)
            y = op.face(*xs, *args[len(op.inputs):], **kwargs)
        if not sources or not (y.dtype.is_floating or y.dtype.is_complex):
            continue
        fused = tape.gradient(y, sources)
        with nf.GradientTape() as outer:
            outer.watch(sources)
            on_tensors = tape.gradient(y, sources)
        for a, b in zip(fused, on_tensors, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                assert (a.dtype, a.shape) == (b.dtype, b.shape)
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-11, atol=1e-300)


# straight_through has another gradient than its value on purpose
@pytest.mark.parametrize("op", [op for op in ELEMENTWISE if "c" in op.kernel.kinds
                                and op.name != "straight_through"], ids=lambda op: op.name)
def test_complex_gradients_agree_with_differences_in_the_plane(op):
    rng = np.random.default_rng(0)

    def operand(letter):
        plane = rng.uniform(0.3, 0.8, 4) + 1j * rng.uniform(0.3, 0.8, 4)
        return rng.integers(0, 2, 4).astype(bool) if letter == "?" else plane
    operands = [operand(op.kernel.letter(k)) for k in range(len(op.inputs))]
    nf.testing.check_gradients(op.face, operands, order=2)
