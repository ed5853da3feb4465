"""py_function, py_func, print and Assert, eagerly and in compiled functions."""
import io

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core.abstract import TracingError
from numbaflow.graph.flow import printing
from numbaflow.graph.flow.control import cond, while_loop
from numbaflow.graph.flow.host import numpy_function, py_func, py_function
from numbaflow.graph.function import function

X, Y = np.array([1.0, 2.0]), np.array([0.5, 0.3])
BOTH = [lambda f: f, function]


def _product(a, b):
    return nf.sin(a) * b if float(a[0]) > 0.0 else a + b        # Python's own if


def _outer(a, b):
    return py_function(_product, [a * 2.0, b], nf.float64, shape=[2]) * a


@pytest.mark.parametrize("wrap", BOTH)
def test_py_function_and_its_gradients(wrap):
    assert np.allclose(wrap(_outer)(nf.constant(X), nf.constant(Y)).numpy(), np.sin(2 * X) * Y * X)
    nf.testing.check_gradients(wrap(_outer), [X, Y], order=3)


def test_gradients_of_py_function_call_it_once():
    calls = []

    def f(a):
        calls.append(type(a) is nf.Tensor)
        return a * a
    compiled = function(lambda a: py_function(f, [a], nf.float64, shape=[2]))
    a = nf.constant(X)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(a)
        y = compiled(a)
    assert np.array_equal(tape.gradient(y, a).numpy(), 2.0 * X)
    assert calls == [True]
    assert np.array_equal(tape.gradient(y, a).numpy(), 2.0 * X)     # its record is gone: it runs again


@pytest.mark.parametrize("wrap", BOTH)
def test_no_gradient_inside_is_zeros(wrap):
    f = wrap(lambda x: py_function(lambda v: np.sin(v.numpy()), [x], nf.float32, shape=[]) + 2.0 * x)
    assert nf.gradients_function(f)(3.0)[0].numpy() == 2.0


def test_host_calls_run_in_order_at_each_call_without_being_used():
    seen = []

    @function
    def f(x):
        py_function(lambda v: seen.append(("first", float(v))), [x], [])
        py_func(lambda v: seen.append(("second", float(v))), [x * 2.0], [])
        return x
    f(nf.constant(1.0))
    f(nf.constant(2.0))
    assert seen == [("first", 1.0), ("second", 2.0), ("first", 2.0), ("second", 4.0)]
    with nf.GradientTape() as tape:
        x = nf.constant(3.0)
        tape.watch(x)
        y = f(x)
    tape.gradient(y, x)
    assert len(seen) == 6


def test_effects_in_loops():
    seen = []

    def body(i):
        py_func(seen.append, [i], [])
        return i + 1
    f = function(lambda n: while_loop(lambda i: i < n, body, [0]))
    assert f(nf.constant(3)).numpy() == 3
    assert [int(i) for i in seen] == [0, 1, 2]


@pytest.mark.parametrize("wrap", BOTH)
def test_numpy_functions(wrap):
    def f(x):
        one = numpy_function(np.sort, [x], nf.float64, shape=[2])
        two = py_func(lambda v: (v.sum(), v.astype(np.int32)), [x], [nf.float64, nf.int32], shape=[[], [2]])
        assert isinstance(two, list)
        return [one, *two]
    one, total, whole = wrap(f)(nf.constant([2.5, 1.0], nf.float64))
    assert (one.numpy().tolist(), total.numpy(), whole.numpy().tolist()) == ([1.0, 2.5], 3.5, [2, 1])


def test_a_py_func_without_state_is_left_out_where_nobody_uses_it():
    seen = []
    f = function(lambda x: (py_func(seen.append, [x], [], stateful=False), x)[1])
    f(nf.constant(1.0))
    assert seen == []


@pytest.mark.parametrize("wrap", BOTH)
@pytest.mark.parametrize(("raised", "kind"), [
    (ValueError, nf.errors.InvalidArgumentError), (TypeError, nf.errors.InvalidArgumentError),
    (StopIteration, nf.errors.OutOfRangeError), (MemoryError, nf.errors.ResourceExhaustedError),
    (NotImplementedError, nf.errors.UnimplementedError), (KeyError, nf.errors.UnknownError)])
def test_errors_of_the_function(wrap, raised, kind):
    def fails(v):
        raise raised("why")
    for call in (py_function, py_func):
        with pytest.raises(kind, match="why") as caught:
            wrap(lambda x: call(fails, [x], nf.float32, shape=[]))(nf.constant(1.0))    # noqa: B023
        assert type(caught.value) is kind


@pytest.mark.parametrize("wrap", BOTH)
def test_results_that_are_not_as_said(wrap):
    v = nf.Variable(1.0)
    for result, kind, text in ((lambda x: v, nf.errors.UnknownError, "return a variable"),
                               (lambda x: x, ValueError, "Tout says int32"),
                               (lambda x: nf.cast(x, nf.int64), ValueError, "is int64")):
        with pytest.raises(kind, match=text):
            wrap(lambda x: py_function(result, [x], [nf.int32], shape=[[]]))(nf.constant(1.0))     # noqa: B023
    with pytest.raises(ValueError, match="gave 1 results, Tout has 2"):
        wrap(lambda x: py_function(nf.sin, [x], [nf.float32] * 2, shape=[[], []]))(nf.constant(1.0))
    with pytest.raises(ValueError, match=r"has shape \(2,\)"):
        wrap(lambda x: py_func(lambda a: np.ones(2), [x], nf.float64, shape=[3]))(nf.constant(1.0))


def test_shapes_that_are_not_known():
    returned = function(lambda x: (py_function(lambda v: v[:int(v[0])], [x], nf.float64), x * 2.0))
    for n in (1, 3):
        assert returned(nf.constant([n, 2.0, 3.0], nf.float64))[0].shape == (n,)
    for use in (lambda y: y + 1.0, lambda y: y[0], lambda y: y.shape, lambda y: nf.reduce_sum(y)):
        with pytest.raises(TracingError, match="add shape="):
            function(lambda x: use(py_function(nf.sin, [x], nf.float32)))(nf.constant(1.0))     # noqa: B023
    with pytest.raises(TracingError, match="add shape="):
        function(lambda p: cond(p, lambda: py_function(nf.sin, [1.0], nf.float32), lambda: 1.0))(
            nf.constant(True))

    @function
    def some(x):
        return nf.reduce_sum(py_function(lambda v: v[:int(v[0])], [x], nf.float64, shape=[None]) * x[1])
    for n, total in ((1, 2.0), (3, 16.0)):
        x = nf.constant([n, 2.0, 3.0], nf.float64)
        assert some(x).numpy() == total
        assert np.allclose(nf.gradients_function(some)(x)[0].numpy()[0], 2.0)
    with pytest.raises(ValueError, match="shape= says"):
        function(lambda x: py_function(nf.sin, [x], nf.float32, shape=[None]))(nf.constant(1.0))


def test_what_is_no_function():
    with pytest.raises(TypeError, match="func must be callable"):
        py_func(3, [], [])


def test_print():
    out = io.StringIO()

    def f(x):
        printing.print("x =", x, {"k": [x[0], "s"]}, output_stream=out, end=";")
        printing.print(nf.reshape(nf.range(20), [2, 10]), True, summarize=2, sep="|", output_stream=out)
        return x
    f(nf.constant([1.0, 2.5]))
    eager = out.getvalue()
    assert eager == "x = [1 2.5] {'k': [1, 's']};[[0 1 ... 8 9]\n [10 11 ... 18 19]]|1\n"
    compiled = function(f)
    compiled(nf.constant([1.0, 2.5]))
    compiled(nf.constant([1.0, 2.5]))
    assert out.getvalue() == eager * 3
    with pytest.raises(ValueError, match="unrecognized"):
        printing.print(1, color="red")


def test_effects_of_the_branch_that_runs():
    out = io.StringIO()
    f = function(lambda x: cond(x > 0.0, lambda: printing.print("yes", output_stream=out),
                                lambda: cond(x < -1.0, lambda: printing.print("far", output_stream=out),
                                             lambda: printing.print("near", output_stream=out))))
    for x in (1.0, -2.0, -0.5):
        assert f(nf.constant(x)) is None
    assert out.getvalue() == "yes\nfar\nnear\n"


def test_print_shows_once_where_a_loop_runs_again_for_its_gradient():
    out = io.StringIO()

    def body(t):
        printing.print("again", output_stream=out)
        return t * 2.0
    f = function(lambda x: while_loop(lambda t: t < 10.0, body, [x]))
    assert nf.gradients_function(f)(3.0)[0].numpy() == 4.0
    assert out.getvalue() == "again\n" * 2


@pytest.mark.parametrize("wrap", BOTH)
def test_assert(wrap):
    def f(x):
        printing.Assert(nf.reduce_all(x > 0.0), ["positive, got", x])
        return x * 2.0
    assert wrap(f)(nf.constant([1.0, 2.0])).numpy().tolist() == [2.0, 4.0]
    with pytest.raises(nf.errors.InvalidArgumentError, match=r"assertion failed: positive, got \[1 -2\]"):
        wrap(f)(nf.constant([1.0, -2.0]))
    with pytest.raises(ValueError, match="scalar bool"):
        printing.Assert(nf.ones([2]), [])


def test_values_that_python_takes_hold_of_stay_as_they_were():
    w, held = nf.Variable([1.0, 2.0]), []

    def look():
        held.append(w.read_value())
        return w.read_value()

    @nf.function
    def f(x):
        before = nf.py_function(look, [], nf.float32, shape=[2])
        w.assign_add(x)
        return before

    results = [f(nf.constant([1.0, 1.0])) for _ in range(3)]
    expected = [[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]]
    assert [r.numpy().tolist() for r in results] == expected
    assert [h.numpy().tolist() for h in held] == expected
    assert w.numpy().tolist() == [4.0, 5.0]
