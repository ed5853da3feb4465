"""cond, case, while_loop, map_fn, scan, folds in compiled functions, against eager and NumPy."""
import threading

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core.abstract import TracingError
from numbaflow.graph.flow.control import case, cond, switch_case, while_loop
from numbaflow.graph.flow.rows import foldl, foldr, map_fn, scan
from numbaflow.graph.function import TensorSpec, function

X, Y = np.array([1.0, 2.0]), np.array([0.5, 0.3])
ROWS = np.random.default_rng(0).standard_normal((4, 3))
W = np.random.default_rng(1).standard_normal((3, 3))


def same(f, *args):
    """Assert that a function compiled gives what it gives eagerly, and that its gradients are right."""
    compiled, tensors = function(f), [nf.constant(a) for a in args]
    for a, b in zip(_flat(compiled(*tensors)), _flat(f(*tensors)), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)
    nf.testing.check_gradients(compiled, list(args), order=2)
    return compiled


def _flat(result):
    return list(result) if isinstance(result, (list, tuple)) else [result]


# ---- branches
def _branches(x, y):
    return cond(nf.reduce_sum(x) > 0.0, lambda: nf.tanh(x) * y, lambda: x * x - y)


@pytest.mark.parametrize("sign", [1, -1])
def test_cond_runs_the_branch_of_each_call(sign):
    compiled = same(_branches, sign * X, Y)
    other = nf.constant(-sign * X)
    assert np.allclose(compiled(other, Y).numpy(), _branches(other, nf.constant(Y)).numpy())


def test_gradients_of_cond_by_one_branch_only_are_zeros_in_the_other():
    def f(p, x, y):
        return cond(p, lambda: nf.sin(x) * 2.0, lambda: nf.exp(y))
    compiled = function(nf.gradients_function(f, params=[1, 2]))
    dx, dy = compiled(nf.constant(False), nf.constant(X), nf.constant(Y))
    assert not dx.numpy().any()
    assert np.allclose(dy.numpy(), np.exp(Y))
    nf.testing.check_gradients(function(lambda x, y: f(nf.reduce_sum(x) > 0.0, x, y)), [X, Y], order=3)


def test_what_is_known_while_tracing_picks():
    @function
    def f(x):
        return cond(nf.constant(1) > 0, lambda: "positive", lambda: pytest.fail("not to be called"))
    assert f(nf.constant(1.0)) == "positive"


def test_structures_and_numbers_from_branches():
    @function
    def f(x):
        return cond(x > 0.0, lambda: {"a": x, "b": [1, None]}, lambda: {"a": 0, "b": [2, None]})
    found = f(nf.constant(-2.0))
    assert (found["a"].numpy(), found["b"][0].numpy(), found["b"][1]) == (0.0, 2, None)
    assert f(nf.constant(3.0))["a"].dtype == nf.float32


@pytest.mark.parametrize(("branches", "text"), [
    ((lambda: (1, 2), lambda: 1), "must give the same structure"),
    ((lambda: nf.zeros([2]), lambda: nf.zeros([3])), r"float32 of shape \(3,\) in false_fn and"),
    ((lambda: nf.zeros([]), lambda: nf.zeros([], nf.int32)), "one dtype and shape"),
    ((lambda: 1.0, lambda: None), "a tensor in some branches only"),
    ((lambda: "a", lambda: "b"), "no tensor and differs")])
def test_branches_that_do_not_fit(branches, text):
    with pytest.raises(ValueError, match=text):
        function(lambda p: cond(p, *branches))(nf.constant(True))


def test_pred_must_be_a_scalar_bool():
    for bad in (nf.zeros([]), nf.constant([True])):
        with pytest.raises(ValueError, match="pred must be a scalar bool"):
            function(lambda p: cond(p, lambda: 1, lambda: 2))(bad)


def test_a_tensor_of_a_branch_does_not_leave_it():
    kept = []

    @function
    def f(x):
        cond(x > 0.0, lambda: kept.append(x * 2.0), lambda: None)
        return kept[0] + 1.0
    with pytest.raises(TracingError, match="has ended"):
        f(nf.constant(1.0))


def test_case_and_switch_case():
    def f(x):
        return case([(x < 0.0, lambda: -x), (x > 3.0, lambda: x * x)], default=lambda: nf.exp(x))
    for value in (-2.0, 5.0, 1.0):
        same(f, np.array(value))
    compiled = function(lambda k: switch_case(k, {0: lambda: 1.0, 1: lambda: 2.0}, default=lambda: 9.0))
    assert [compiled(nf.constant(k)).numpy() for k in (0, 1, 2, -1)] == [1.0, 2.0, 9.0, 9.0]
    with pytest.raises(ValueError, match="numbers 0 to 1"):
        switch_case(0, {0: lambda: 1, 2: lambda: 2})


def test_case_checks_its_predicates_at_each_call():
    def f(x, exclusive):
        return case([(x < 2.0, lambda: 1), (x > 1.0, lambda: 2)], exclusive=exclusive)
    compiled = function(f)
    assert compiled(nf.constant(1.5), False).numpy() == 1
    with pytest.raises(ValueError, match="More than one condition"):
        compiled(nf.constant(1.5), True)
    with pytest.raises(ValueError, match="None of the 1 conditions"):
        function(lambda x: case([(x < 2.0, lambda: 1)]))(nf.constant(3.0))


# ---- loops
def _counted(x):
    return while_loop(lambda i, t: i < 5, lambda i, t: (i + 1, nf.sin(t) * x), [0, x])[1]


def _open(x):
    return while_loop(lambda t: nf.reduce_sum(t) < 50.0, lambda t: (t * x,), [x])


def _limited(x):
    return while_loop(lambda t: nf.reduce_sum(t) < 50.0, lambda t: (t * x,), [x], maximum_iterations=20)


def _cut(x):
    return while_loop(lambda t: nf.reduce_sum(t) < 50.0, lambda t: (t * x,), [x], maximum_iterations=3)


@pytest.mark.parametrize("f", [_counted, _open, _limited, _cut])
def test_while_loop_and_its_gradients(f):
    same(f, np.array([1.3, 1.7]))


def test_while_loop_that_does_not_run():
    compiled = same(lambda x: while_loop(lambda t: nf.reduce_sum(t) < 0.0, lambda t: (t * x,), [x]), X)
    assert np.array_equal(compiled(X).numpy(), X)
    same(lambda x: while_loop(lambda t: nf.reduce_sum(t) < 0.0, lambda t: (t * x,), [x],
                              maximum_iterations=4), X)


def test_bound_that_is_a_tensor():
    compiled = function(lambda n: while_loop(lambda t: True, lambda t: t + 1.0, [0.0], maximum_iterations=n))
    assert [compiled(nf.constant(n)).numpy() for n in (0, 3)] == [0.0, 3.0]


def test_nested_structures_and_what_a_loop_gives():
    def f(x):
        start = (nf.constant(0), {"a": x, "b": [x * 2.0]})

        def body(i, s):
            return [i + 1, {"a": s["b"][0], "b": [s["a"] + x]}]
        return while_loop(lambda i, s: i < 3, body, start)[1]["a"]
    same(f, X)


def test_cond_in_while_and_while_in_while():
    def f(x):
        def body(i, t):
            inner = while_loop(lambda j, u: j < i, lambda j, u: (j + 1, u * 0.5 + t), [0, t])[1]
            return i + 1, cond(nf.reduce_sum(t) > 3.3, lambda: nf.tanh(inner), lambda: inner * x)
        return while_loop(lambda i, t: i < 4, body, [0, x])[1]
    same(f, X)


@pytest.mark.parametrize(("body", "text"), [
    (lambda i, t: (i + 1, {"a": nf.concat([t["a"], t["a"]], 0)}),
     r"loop variable 1\['a'\] was float32 of shape \(2,\) and became float32 of shape \(4,\)"),
    (lambda i, t: (nf.cast(i, nf.float32), t), "loop variable 0 was int32 .* became float32"),
    (lambda i, t: i, "same nested structure")])
def test_loop_variables_keep_structure_dtype_and_shape(body, text):
    with pytest.raises(ValueError, match=text):
        function(lambda x: while_loop(lambda i, t: i < 3, body, [0, {"a": x}]))(nf.ones([2]))


def test_condition_of_a_loop():
    with pytest.raises(ValueError, match="cond must give a scalar bool"):
        function(lambda x: while_loop(lambda t: t, lambda t: t, [x]))(nf.ones([2]))
    v = nf.Variable(1.0)
    with pytest.raises(ValueError, match="cond assigns"):
        function(lambda x: while_loop(lambda t: v.assign_add(1.0) < 3.0, lambda t: t, [x]))(nf.ones([2]))


def test_back_prop_false_is_a_constant():
    def power(x):
        return while_loop(lambda i, t: i < 3, lambda i, t: (i + 1, t * x), [0, x], back_prop=False)[1]
    for f in (lambda x: x * power(x), function(lambda x: x * power(x))):
        assert nf.gradients_function(f)(2.0)[0].numpy() == 16.0
    rows = function(lambda x: map_fn(nf.sin, x, back_prop=False) * x)
    assert np.allclose(nf.gradients_function(rows)(nf.constant(X))[0].numpy(), np.sin(X))


def test_gradients_for_tensors_that_are_known_while_tracing():
    def f(p):
        def inside(x):
            y = cond(p, lambda: x * x, lambda: nf.sin(x * 2.0))
            return y * while_loop(lambda i, t: i < 2, lambda i, t: (i + 1, t * x), [0, 1.0])[1]
        return nf.gradients_function(inside)(3.0)[0], nf.hessian(inside)(3.0)
    for p in (True, False):
        for a, b in zip(f(nf.constant(p)), function(f)(nf.constant(p)), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)


# ---- variables
def _assigning(v, p, n):
    def yes():
        v.assign_add([1.0, 1.0])
        return nf.reduce_sum(v)

    def body(i, total):
        v.assign(v * 1.5)
        return i + 1, total + nf.reduce_sum(v) * cond(i > 1, lambda: nf.reduce_sum(v), lambda: 1.0)
    with nf.GradientTape() as tape:
        first = cond(p, yes, lambda: nf.reduce_sum(v) * 2.0)
        total = first + while_loop(lambda i, t: i < n, body, [0, 0.0])[1]
    return total, tape.gradient(total, v)


@pytest.mark.parametrize("p", [True, False])
def test_variables_read_and_assigned_inside(p):
    v, w = nf.Variable([1.0, 2.0]), nf.Variable([1.0, 2.0])
    compiled = function(lambda p, n: _assigning(w, p, n))
    for n in (4, 0, 1):
        found = compiled(nf.constant(p), nf.constant(n))
        for a, b in zip(_assigning(v, nf.constant(p), nf.constant(n)), found, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
        assert np.array_equal(v.numpy(), w.numpy())


def test_an_outer_tape_sees_variables_of_branches_and_bodies():
    v = nf.Variable([1.0, 2.0])

    def f(n):
        return nf.reduce_sum(while_loop(lambda i, t: i < n, lambda i, t: (i + 1, nf.sin(t) * v + cond(
            nf.reduce_sum(t) > 1.0, lambda: nf.reduce_sum(v * v), lambda: 0.0)), [0, nf.ones([2])])[1])
    for g in (f, function(f)):
        with nf.GradientTape() as tape:
            y = g(nf.constant(5))
        np.testing.assert_allclose(tape.gradient(y, v).numpy(), [27.533733, 64.93339], rtol=1e-5)


def test_training_steps_in_a_loop():
    def train(v, optimizer, n):
        def body(i):
            with nf.GradientTape() as tape:
                loss = nf.reduce_sum(v * v)
            optimizer.apply_gradients([(tape.gradient(loss, v), v)])
            return i + 1
        return while_loop(lambda i: i < n, body, [0])
    values = []
    for wrap in (lambda f: f, function):
        v, optimizer = nf.Variable([5.0, -3.0]), nf.train.AdamOptimizer(0.1)
        wrap(lambda n, v=v, optimizer=optimizer: train(v, optimizer, n))(nf.constant(10))
        values.append(v.numpy())
    np.testing.assert_allclose(*values, rtol=1e-5)


def test_layers_made_and_used_inside():
    dense = nf.keras.layers.Dense(4)
    x = nf.reshape(nf.range(40.0) / 40.0, [5, 2, 4])

    def f(x):
        return nf.reduce_sum(scan(lambda h, r: nf.tanh(dense(h) + r), x, nf.zeros([2, 4])))
    found = []
    for g in (function(f), f):
        with nf.GradientTape() as tape:
            y = g(x)
        found.append([y, *tape.gradient(y, dense.trainable_variables)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)


def test_loops_in_several_threads():
    f = function(lambda x: while_loop(lambda t: nf.reduce_sum(t) < 50.0, lambda t: t * 1.5, [x]))
    right = []

    def work(k):
        for _ in range(10):
            x = nf.constant(X * (k + 1))
            with nf.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            right.append(np.allclose(tape.gradient(y, x).numpy(), y.numpy() / x.numpy()))
    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert right == [True] * 40


# ---- rows
def _recurrent(a, w):
    return scan(lambda h, x: nf.tanh(nf.matmul(h[None], w)[0] + x), a, nf.zeros([3], nf.float64))


@pytest.mark.parametrize("f", [
    _recurrent,
    lambda a, w: scan(lambda h, x: nf.tanh(nf.matmul(h[None], w)[0] * x), a, reverse=True),
    lambda a, w: map_fn(lambda x: (nf.matmul(x[None], w), nf.reduce_sum(x)), a, (nf.float64, nf.float64)),
    lambda a, w: foldl(lambda h, x: nf.tanh(nf.matmul(h[None], w)[0] * x), a),
    lambda a, w: foldr(lambda h, x: h * x + nf.reduce_sum(w), a, initializer=nf.ones([3], nf.float64))])
def test_rows(f):
    same(f, ROWS, W)


def test_structures_of_rows():
    def f(a):
        pairs = map_fn(lambda rows: {"s": rows[0] + rows[1]}, (a, a * a), dtype={"s": nf.float64})
        carried = scan(lambda s, x: (s[0] + x["s"], s[1] * 0.5), pairs, (nf.zeros([3], nf.float64), 1.0))
        return carried[0], pairs["s"]
    same(f, ROWS)


def test_scans_agree_with_numpy():
    for wrap in (lambda f: f, function):
        assert np.allclose(wrap(lambda a: scan(lambda s, x: s + x, a))(ROWS).numpy(), np.cumsum(ROWS, 0))
        assert np.allclose(wrap(lambda a: scan(lambda s, x: s + x, a, reverse=True))(ROWS).numpy(),
                           np.cumsum(ROWS[::-1], 0)[::-1])
        assert np.allclose(wrap(lambda a: foldr(lambda s, x: x - s, a))(ROWS).numpy(),
                           ROWS[0] - (ROWS[1] - (ROWS[2] - ROWS[3])))


def test_no_rows():
    empty = nf.zeros([0, 3])
    for wrap in (lambda f: f, function):
        assert wrap(lambda a: scan(lambda s, x: s + x, a, nf.ones([3])))(empty).shape == (0, 3)
        assert wrap(lambda a: foldl(lambda s, x: s + x, a, nf.ones([3])))(empty).numpy().sum() == 3.0
        with pytest.raises(ValueError, match="no rows and there is no initializer"):
            wrap(lambda a: scan(lambda s, x: s + x, a))(empty)
    assert function(lambda a: map_fn(nf.reduce_sum, a))(empty).shape == (0,)
    with pytest.raises(ValueError, match="no rows, so the shape"):
        map_fn(nf.reduce_sum, empty)


@pytest.mark.parametrize(("call", "text"), [
    (lambda: map_fn(nf.sin, nf.constant(1.0)), "1\\+ dimensional"),
    (lambda: map_fn(lambda x: x[0], (nf.ones([2]), nf.ones([3]))), "same first extent"),
    (lambda: map_fn(nf.sin, nf.ones([2]), dtype=nf.int32), "dtype says"),
    (lambda: scan(lambda s, x: (s, x), nf.ones([2])), "structure of elems")])
def test_errors_of_rows(call, text):
    for wrapped in (call, function(call)):
        with pytest.raises(ValueError, match=text):
            wrapped()


def test_unknown_extents():
    def gradient(x):
        with nf.GradientTape() as tape:
            tape.watch(x)
            y = scan(lambda a, r: a * r, x)
            y += cond(nf.reduce_sum(x) > 0.0, lambda: x * 2.0, lambda: nf.tanh(x))
        return tape.gradient(y, x)
    compiled = function(gradient, input_signature=[TensorSpec([None, 3], nf.float64)])
    for n in (1, 2, 4):
        x = nf.constant(ROWS[:n])
        assert np.allclose(compiled(x).numpy(), gradient(x).numpy())
