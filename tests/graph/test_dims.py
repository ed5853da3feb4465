"""Functions of unknown extents: Dims compute and compare, and one trace serves all sizes."""
import math

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core.abstract import TracingError
from numbaflow.core.dim import Dim, NeedsExtent, Unknowns, evaluated
from numbaflow.graph.flow import control
from numbaflow.graph.function import TensorSpec, function

SIZES = (1, 2, 7)


def normal(*shape):
    return np.random.default_rng(math.prod(shape)).normal(size=shape).astype(np.float32)


# ---- Dims
@pytest.fixture
def unknowns():
    return Unknowns()


def test_equal_expressions_are_equal(unknowns):
    n, m = unknowns.dim(6), unknowns.dim(4)
    assert n * 3 // 3 == n
    assert n + 1 - 1 == n
    assert n * m // m == n
    assert (2 * n + 5) // 2 - n == 2
    assert n - n == 0
    assert type(n - n) is int
    assert n * 3 % 3 == 0
    assert n // n == 1
    assert -n + n == 0
    assert hash((n, 3)) == hash((n * 1, 3))
    assert {n + m: 1}[m + n] == 1
    assert math.prod((2, n, m)) == 2 * m * n
    assert unknowns.hold({}), "nothing had to be assumed"


def test_values_for_given_sizes(unknowns):
    n, m = unknowns.dim(6), unknowns.dim(4)
    first, second = unknowns.examples
    sizes = {first: 5, second: 3}
    found = evaluated((n * m + 1, [-(-n // 2), n % 2, 7 // m], slice(None, n - m), {"k": 12 % n}), sizes)
    assert found == (16, [3, 1, 2], slice(None, 2), {"k": 2})
    assert evaluated("text", sizes) == "text"


def test_an_unknown_extent_differs_from_one(unknowns):
    n = unknowns.dim(1)
    assert n != 1
    assert (n, 3) != (1, 3)


def test_what_is_decided_is_assumed(unknowns):
    n, m = unknowns.dim(6), unknowns.dim(6)
    first, second = unknowns.examples
    assert n == m
    assert n > 2
    assert not n < 3
    assert n >= 6
    assert n <= 6
    assert n != 5
    assert bool(n)
    assert unknowns.hold({first: 6, second: 6})
    assert not unknowns.hold({first: 7, second: 7})
    assert not unknowns.hold({first: 6, second: 5})
    assert min(n, 3) == 3
    assert max(n, 3) is n


def test_a_size_that_is_asked_for_is_assumed(unknowns):
    n = unknowns.dim(3)
    assert list(range(n)) == [0, 1, 2]
    assert int(n + 1) == 4
    assert float(n) == 3.0
    number, = unknowns.examples
    assert unknowns.hold({number: 3})
    assert not unknowns.hold({number: 4})


def test_what_has_no_example_has_no_size():
    n = Unknowns(guarded=False).dim(3)
    with pytest.raises(NeedsExtent, match=r"test_dims\.py:\d+: the size of an extent that is not known"):
        range(n)
    assert issubclass(NeedsExtent, TracingError)


def test_a_dim_of_a_trace_that_has_ended():
    kept = []

    @function(input_signature=[TensorSpec([None])])
    def keep(x):
        kept.append(x.shape[0])
        return x + 1.0
    keep(normal(3))
    assert isinstance(kept[0], Dim)
    assert kept[0] != 3
    assert repr(kept) == "[?]"
    for use in (int, lambda n: n < 3, lambda n: n._read()):
        with pytest.raises(NeedsExtent, match="extent"):
            use(kept[0])


# ---- one trace
def agrees(f, signature, arguments, traces=1):
    """That a function gives for all arguments what it gives eagerly, with as many runs of Python."""
    runs = []

    def counted(*args):
        runs.append(args)
        return f(*args)
    compiled = function(counted, input_signature=signature)
    for args in arguments:
        for got, wanted in zip(compiled(*args),
                               f(*[nf.constant(a) for a in args]), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
            assert got.shape == wanted.shape
            assert got.dtype == wanted.dtype
    assert len(runs) == traces
    return compiled


def test_a_training_step_of_a_perceptron():
    w, b, v = nf.Variable(normal(4, 5)), nf.Variable(np.zeros(5, np.float32)), nf.Variable(normal(5, 3))

    def step(x, y):
        with nf.GradientTape() as tape:
            h = nf.tanh(nf.matmul(x, w) + b)
            loss = nf.reduce_mean(nf.square(nf.matmul(h, v) - y)) + nf.reduce_max(nf.reduce_mean(h, 0))
        return [loss, *tape.gradient(loss, [w, b, v])]
    agrees(step, [TensorSpec([None, 4]), TensorSpec([None, 3])],
           [(normal(k, 4), normal(k, 3)) for k in SIZES])


def test_a_training_step_with_convolution_and_batch_norm():
    kernel, w = nf.Variable(normal(3, 3, 1, 2)), nf.Variable(normal(18, 10))
    scale, offset = nf.Variable(np.ones(2, np.float32)), nf.Variable(np.zeros(2, np.float32))

    def step(x, labels):
        with nf.GradientTape() as tape:
            h = nf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME")
            h, _, _ = nf.nn.fused_batch_norm(h, scale, offset)
            h = nf.nn.max_pool(nf.nn.relu(h), [1, 2, 2, 1], [1, 2, 2, 1], "VALID")
            logits = nf.matmul(nf.reshape(h, [x.shape[0], -1]), w)
            loss = nf.losses.sparse_softmax_cross_entropy(labels, logits)
        return [loss, *tape.gradient(loss, [kernel, w, scale, offset])]
    agrees(step, [TensorSpec([None, 6, 6, 1]), TensorSpec([None], nf.int32)],
           [(normal(k, 6, 6, 1), np.arange(k, dtype=np.int32)) for k in SIZES])


@pytest.mark.parametrize("f", [
    lambda x: [nf.shape(x), nf.size(x), nf.rank(x), nf.shape(x, out_type=nf.int64)],
    lambda x: [x / x.shape[0], x * (x.shape[0] + x.shape[1]), nf.zeros_like(x), nf.zeros([x.shape[0], 2])],
    lambda x: [nf.concat([x, x], 0), nf.stack([x, x], 1), nf.tile(x, [1, 2]), nf.transpose(x), x[:, 1],
               x[..., None]],
    lambda x: [nf.reshape(x, [-1]), nf.reshape(x, [1, x.shape[0], 3]), nf.expand_dims(x, 0), x[::-1], x[:-1]],
    lambda x: [nf.reduce_sum(x, 0), nf.reduce_mean(x, 1, keepdims=True), nf.reduce_std(x), nf.argmax(x, 0)],
    lambda x: [nf.nn.softmax(x), nf.nn.moments(x, [0])[1], nf.linalg.norm(x), nf.nn.l2_normalize(x, 0)],
    lambda x: [nf.matmul(x, x, transpose_a=True), nf.tensordot(x, x, [[0], [0]]),
               nf.einsum("bi,bj->ij", x, x)],
    lambda x: [nf.cumsum(x), nf.reverse(x, [0]), nf.pad(x, [[1, 2], [0, 1]]),
               nf.one_hot([0, 2], 3) @ nf.transpose(x)],
    lambda x: [nf.broadcast_to(x, [2, x.shape[0], 3]), x + nf.ones([1, 3]), nf.where(x > 0.0, x, -x)],
    lambda x: nf.split(x, 3, axis=1),
], ids=["shape", "arithmetic", "joining", "reshaping", "reductions", "norms", "products", "moving",
        "broadcasting", "splitting"])
def test_ops_of_an_unknown_extent(f):
    agrees(f, [TensorSpec([None, 3])], [(normal(k, 3),) for k in SIZES])


@pytest.mark.parametrize("f", [
    lambda x: nf.reduce_mean(nf.square(x)), lambda x: nf.reduce_prod(x), lambda x: x[:, 1] * x[:, 0],
    lambda x: nf.reduce_sum(nf.matmul(x, x, transpose_b=True), 0), lambda x: nf.reduce_max(x, 0),
    lambda x: nf.nn.log_softmax(x, 0), lambda x: nf.concat([x, x * 2.0], 0)[1:],
    lambda x: nf.nn.moments(x, [0])[1],
    lambda x: nf.tile(x, [2, 1]) ** 2, lambda x: nf.reduce_logsumexp(x, 0), lambda x: nf.cumprod(x),
    lambda x: nf.reduce_std(x, 0),
], ids=["mean", "prod", "slices", "matmul", "max", "log_softmax", "concat", "moments", "tile", "logsumexp",
        "cumprod", "std"])
def test_gradients_of_an_unknown_extent(f):
    agrees(lambda x: nf.gradients_function(f)(x), [TensorSpec([None, 3])],
           [(normal(k, 3),) for k in (2, 3, 7)])


def test_a_function_of_a_signature_is_differentiable():
    compiled = agrees(lambda x: [nf.reduce_mean(x * x)], [TensorSpec([None])], [(normal(2),), (normal(5),)])
    g, = nf.gradients_function(lambda x: compiled(x)[0])(normal(4))
    np.testing.assert_allclose(g, normal(4) / 2, rtol=1e-6)


def test_two_unknown_extents_that_are_once_equal():
    agrees(lambda x, y: [x + y] if x.shape[0] == y.shape[0] else [nf.reduce_sum(x) + nf.reduce_sum(y)],
           [TensorSpec([None]), TensorSpec([None])],
           [(normal(3), normal(3)), (normal(2), normal(2)), (normal(2), normal(5)), (normal(4), normal(6))],
           traces=2)


def test_a_loop_over_an_extent_is_traced_for_each():
    agrees(lambda x: [sum([x[k] * float(k) for k in range(x.shape[0])])], [TensorSpec([None])],
           [(normal(2),), (normal(3),), (normal(3) * 2,)], traces=2)


def test_an_error_gives_numbers():
    f = function(lambda x, y: nf.matmul(x, y), input_signature=[TensorSpec([None, 3]), TensorSpec([None, 3])])
    with pytest.raises(ValueError, match=r"matmul.*\(2, 3\).*\(5, 3\)"):
        f(normal(2, 3), normal(5, 3))


def test_unknown_rank():
    agrees(lambda x: [nf.reduce_sum(x) * x], [TensorSpec(None)],
           [(normal(2, 3),), (normal(4, 2),), (normal(4),)],
           traces=2)


def test_relaxed_shapes():
    runs = []

    @function(experimental_relax_shapes=True)
    def f(x, y):
        runs.append(x.shape)
        return nf.reduce_sum(x) + y
    for k in (2, 3, 4, 5):
        np.testing.assert_allclose(f(normal(k, 3), 1.0), normal(k, 3).sum() + 1.0, rtol=1e-4, atol=1e-5)
    assert len(runs) == 2
    assert str(runs[1]) == "(?, 3)"
    f(normal(4, 3), 2.0)
    assert len(runs) == 3, "a Python number is part of the signature"


def test_shapes_are_told_as_they_are_known():
    seen = []

    @function(input_signature=[TensorSpec([None, 3])])
    def f(x):
        seen.append((x.shape.is_fully_defined(), x.shape.is_compatible_with([9, 3]), repr(x), x.shape.ndims))
        return x, x.shape[0]
    assert f(normal(4, 3))[1].numpy() == 4
    assert f(normal(5, 3))[1].numpy() == 5
    assert seen == [(False, True, "<tf.Tensor: shape=(?, 3), dtype=float32, traced>", 2)]


def test_variables_and_random_numbers_are_those_of_the_call():
    v = nf.Variable(1.0)

    @function(input_signature=[TensorSpec([None])])
    def f(x):
        v.assign_add(nf.reduce_sum(x))
        return v * nf.random_uniform([x.shape[0]])
    first, second = f(np.ones(3, np.float32)), f(np.ones(2, np.float32))
    assert v.numpy() == 6.0
    assert first.shape == (3,)
    assert second.shape == (2,)
    assert not np.array_equal(first.numpy(), f(np.zeros(3, np.float32)).numpy())


def test_no_elements():
    agrees(lambda x: [nf.reduce_sum(x, 0), nf.tanh(x)], [TensorSpec([None, 3])],
           [(normal(2, 3),), (normal(0, 3),), (normal(3, 3) + 0.0,)], traces=1)


def test_execution_is_not_eager_inside():
    assert not function(lambda: nf.constant(float(nf.executing_eagerly())))().numpy()
    assert nf.executing_eagerly()


def test_branches_and_loops_of_an_unknown_extent():
    v = nf.Variable(0.5)

    def f(x, p):
        y = control.cond(p, lambda: x * 2.0, lambda: x + nf.cast(nf.shape(x)[0], nf.float32))
        _, z = control.while_loop(lambda k, a: k < 3, lambda k, a: (k + 1, a * 1.5 + v), [nf.constant(0), y])
        return [y, z]
    compiled = agrees(f, [TensorSpec([None, 3]), TensorSpec([], nf.bool)],
                      [(normal(k, 3), p) for k in SIZES for p in (True, False)])
    g, = nf.gradients_function(lambda x: nf.reduce_sum(compiled(x, True)[1]))(normal(5, 3))
    np.testing.assert_allclose(g, np.full((5, 3), 2.0 * 1.5**3), rtol=1e-6)


def test_a_batch_as_large_as_a_vector_is_long_needs_no_trace_of_its_own():
    traced = []

    @function(input_signature=[TensorSpec([None, 2])])
    def f(x):
        traced.append(x)
        with nf.GradientTape() as tape:
            y = nf.reduce_sum(x * w, 1)
        return y, tape.gradient(y, w)

    w = nf.Variable([1.0, 2.0])
    for n in (3, 2, 1, 7):
        y, dw = f(np.ones((n, 2), np.float32))
        assert y.numpy().tolist() == [3.0] * n
        assert dw.numpy().tolist() == [float(n)] * 2
    assert len(traced) == 1
