"""Compiled functions as Python meets them: signatures, variables, results, tapes, threads, errors."""
import collections
import copy
import inspect
import pickle
import threading

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core.abstract import TracingError
from numbaflow.graph.function import TensorSpec, function

X = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")


def counted(f, **options):
    """A function compiled, and a list that grows by one each time that it is traced."""
    traces = []

    def traced(*args, **kwargs):
        traces.append(args)
        return f(*args, **kwargs)
    traced.__signature__ = inspect.signature(f)
    return function(traced, **options), traces


# ---- signatures
def test_one_trace_serves_all_values_of_a_shape_and_dtype():
    f, traces = counted(lambda x: x * 2.0)
    for value in (1.0, 2.0, 3.0):
        assert f(nf.constant(value)).numpy() == 2 * value
    assert len(traces) == 1
    f(nf.constant([1.0]))
    f(nf.constant(1.0, nf.float64))
    assert len(traces) == 3
    f(nf.constant([5.0]))
    assert len(traces) == 3


def test_arrays_count_as_tensors():
    f, traces = counted(lambda x: x * 2.0)
    np.testing.assert_array_equal(f(X), 2 * X)
    np.testing.assert_array_equal(f(nf.constant(X + 1)), 2 * X + 2)
    np.testing.assert_array_equal(f(np.float32(3)), 6)
    assert len(traces) == 2


def test_python_values_are_part_of_the_signature():
    f, traces = counted(lambda x, n: x * float(n) if n else x)
    x = nf.constant(2.0)
    assert [f(x, n).numpy() for n in (3, 4, 3, True, 1.0)] == [6, 8, 6, 2, 2]
    assert len(traces) == 4                     # 1.0 and True are no 1, and none of them 3
    assert f(x, None).numpy() == 2
    assert f(x, "").numpy() == 2


def test_arguments_by_name_are_those_by_position():
    f, traces = counted(lambda x, y, n=1: (x - y) * n)
    a, b = nf.constant(5.0), nf.constant(3.0)
    assert f(a, b).numpy() == f(a, y=b).numpy() == f(y=b, x=a).numpy() == 2
    assert len(traces) == 1
    assert f(a, b, 2).numpy() == f(a, b, n=2).numpy() == f(n=2, y=b, x=a).numpy() == 4
    assert len(traces) == 2


def test_arguments_by_name_alone():
    @function
    def f(x, *, scale, shift=0.0):
        return x * scale + shift
    assert f(nf.constant(2.0), scale=nf.constant(3.0)).numpy() == 6
    assert f(nf.constant(2.0), shift=1.0, scale=nf.constant(3.0)).numpy() == 7


def test_nested_arguments():
    f, traces = counted(lambda p: p["w"] * p["rest"][0] + p["rest"][1][0])

    def tree(a, b, c):
        return {"rest": [nf.constant(b), (nf.constant(c),)], "w": nf.constant(a)}
    assert f(tree(2.0, 3.0, 4.0)).numpy() == 10
    assert f(tree(1.0, 1.0, 1.0)).numpy() == 2
    assert len(traces) == 1
    Point = collections.namedtuple("Point", "x y")
    g = function(lambda p: p.x - p.y)
    assert g(Point(nf.constant(3.0), nf.constant(1.0))).numpy() == 2


def test_a_tuple_and_a_dict_are_two_arguments():
    f = function(lambda p, q: p[0] * p[1] + q["z"])
    x, y, z = (nf.constant(v) for v in (2.0, 3.0, 4.0))
    assert f((x, y), {"z": z}).numpy() == 10
    assert f.get_concrete_function((x, y), {"z": z}).call([x, y, z])[0].numpy() == 10


def test_unhashable_arguments_say_so():
    f = function(lambda x, s: x)
    with pytest.raises(TypeError, match="hashable"):
        f(nf.constant(1.0), {1, 2})


def test_wrong_arguments_raise_as_python_does():
    f = function(lambda x: x)
    with pytest.raises(TypeError):
        f()
    with pytest.raises(TypeError):
        f(nf.constant(1.0), nf.constant(2.0))
    with pytest.raises(TypeError):
        f(z=nf.constant(1.0))


# ---- input_signature
def test_a_signature_takes_what_fits_and_converts():
    f, traces = counted(lambda x: x * 2.0, input_signature=[TensorSpec([None, 2])])
    np.testing.assert_array_equal(f(nf.constant(X)), 2 * X)
    np.testing.assert_array_equal(f([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), [[2, 4], [6, 8], [10, 12]])
    assert len(traces) == 1


@pytest.mark.parametrize(("given", "message"), [
    ([nf.constant([1.0])], "Python inputs incompatible with input_signature"),
    ([nf.constant([[1, 2]])], "Python inputs incompatible with input_signature"),
    ([nf.constant(X), nf.constant(X)], "Python inputs incompatible with input_signature"),
    ([[nf.constant(X), nf.constant(X)]], "Python inputs incompatible with input_signature"),
])
def test_what_does_not_fit_a_signature(given, message):
    f = function(lambda *x: x, input_signature=[TensorSpec([None, 2])])
    with pytest.raises(ValueError, match=message):
        f(*given)


@pytest.mark.parametrize("given", [1.0, [1.0], [1.0, 2.0, 3.0], {"a": 1.0, "b": 2.0}])
def test_another_structure_than_the_signature_has(given):
    f = function(lambda p: p[0] + p[1], input_signature=[[TensorSpec([]), TensorSpec([])]])
    assert f([1.0, 2.0]).numpy() == 3
    with pytest.raises(ValueError, match="Structure of Python function inputs does not match"):
        f(given)


def test_a_signature_is_a_list_of_specs():
    with pytest.raises(TypeError, match="input_signature must be either a tuple or a list"):
        function(lambda x: x, input_signature=TensorSpec([1]))
    with pytest.raises(TypeError, match="Invalid input_signature"):
        function(lambda x: x, input_signature=[(1, 2)])


def test_a_signature_covers_all_arguments():
    f = function(lambda x, training=False: x, input_signature=[TensorSpec([2, 2])])
    with pytest.raises(TypeError, match=r"only pass arguments covered by it\. Received argument training"):
        f(nf.constant(X), training=True)


# ---- variables
def test_variables_are_read_and_assigned_at_each_call():
    v = nf.Variable(1.0)

    @function
    def step(x):
        v.assign_add(x)
        return v * 2.0
    assert [step(nf.constant(n)).numpy() for n in (1.0, 2.0)] == [4, 8]
    v.assign(10.0)
    assert step(nf.constant(1.0)).numpy() == 22
    assert v.numpy() == 11


def test_assignments_take_effect_in_order():
    v = nf.Variable([1.0, 2.0])

    @function
    def f():
        a = v.read_value()
        v.assign(a * 10.0)
        b = v.read_value()
        v.assign_sub(b / 2.0)
        return a, b, v.read_value()
    a, b, c = f()
    assert (a.numpy().tolist(), b.numpy().tolist(), c.numpy().tolist()) == ([1, 2], [10, 20], [5, 10])
    assert v.numpy().tolist() == [5, 10]


@pytest.mark.parametrize("shape", [(), (3,), (64, 64)])
def test_two_variables_swap(shape):
    v, w = nf.Variable(np.full(shape, 1.0)), nf.Variable(np.full(shape, 2.0))

    @function
    def swap():
        a = v.read_value()
        v.assign(w)
        w.assign(a)
    for turn in range(3):
        swap()
        assert v.numpy().flat[0] == (1 if turn % 2 else 2)
        assert w.numpy().flat[0] == (2 if turn % 2 else 1)


def test_three_variables_take_turns_and_one_takes_a_view_of_another():
    a, b, c = (nf.Variable(np.full((2, 3), float(k))) for k in range(3))
    t = nf.Variable(np.arange(9.0).reshape(3, 3))

    @function
    def turn():
        first = a.read_value()
        a.assign(b)
        b.assign(c)
        c.assign(first)
        t.assign(nf.transpose(t))
    turn()
    assert [v.numpy()[0, 0] for v in (a, b, c)] == [1, 2, 0]
    np.testing.assert_array_equal(t.numpy(), np.arange(9.0).reshape(3, 3).T)


def test_what_was_read_before_never_changes():
    v = nf.Variable(np.zeros(4, "float32"))
    step = function(lambda: v.assign_add(nf.ones([4])))
    kept = []
    for _ in range(3):
        kept.append(v.read_value())
        step()
    assert [t.numpy()[0] for t in kept] == [0, 1, 2]
    view = v.read_value()[1:]
    step()
    assert view.numpy()[0] == 3
    assert v.numpy()[0] == 4


def test_what_a_call_gave_never_changes():
    v = nf.Variable(np.zeros(4, "float32"))

    @function
    def step():
        v.assign_add(nf.ones([4]))
        return v.read_value(), v.read_value()[1:3]
    results = [step() for _ in range(3)]
    assert [t.numpy()[0] for t, _ in results] == [1, 2, 3]
    assert [t.numpy()[0] for _, t in results] == [1, 2, 3]


def test_variables_are_made_by_the_first_call_alone():
    holder = []

    @function
    def f(x):
        if not holder:
            holder.append(nf.Variable(3.0))
        return holder[0] * x
    assert [f(nf.constant(n)).numpy() for n in (1.0, 2.0)] == [3, 6]
    assert f(nf.constant([1.0])).numpy() == 3

    @function
    def g(x):
        return nf.Variable(3.0) * x
    g(nf.ones([1]))
    with pytest.raises(ValueError, match="tried to create variables on non-first call"):
        g(nf.ones([2]))


def test_variables_as_arguments():
    v, w = nf.Variable(2.0), nf.Variable(5.0)
    f, traces = counted(lambda v, x: v.assign_add(x))
    f(v, nf.constant(1.0))
    f(w, nf.constant(1.0))
    f(v, nf.constant(1.0))
    assert (v.numpy(), w.numpy(), len(traces)) == (4, 6, 2)


# ---- what is returned
def test_structures_are_returned_as_they_are():
    Pair = collections.namedtuple("Pair", "first second")

    @function
    def f(x):
        return {"pair": Pair(x + 1.0, None), "list": [x, (x * 2.0, 3.0)], "name": "n"}
    found = f(nf.constant(1.0))
    assert isinstance(found["pair"], Pair)
    assert found["pair"].first.numpy() == 2
    assert found["pair"].second is None
    assert found["list"][1][0].numpy() == 2
    assert float(found["list"][1][1]) == 3
    assert found["name"] == "n"


def test_nothing_is_returned():
    assert function(lambda x: None)(nf.constant(1.0)) is None
    assert function(lambda x: ())(nf.constant(1.0)) == ()
    assert function(list)() == []


def test_inputs_constants_and_one_tensor_twice():
    @function
    def f(x):
        y = x * 2.0
        return x, y, y, nf.constant([1.0, 2.0]), 7
    x = nf.constant([1.0, 1.0])
    for _ in range(2):
        a, b, c, d, e = f(x)
        assert [t.numpy().tolist() for t in (a, b, c, d)] == [[1, 1], [2, 2], [2, 2], [1, 2]]
        assert int(e) == 7


def test_views_of_inputs_and_of_variables():
    v = nf.Variable(np.arange(4.0))

    @function
    def f(x):
        return nf.reshape(x, [4]), x[0], nf.transpose(x), v.read_value()[::-1], v.read_value()
    flat, row, turned, back, whole = f(nf.constant(X))
    v.assign(np.zeros(4))
    np.testing.assert_array_equal(flat, X.reshape(4))
    np.testing.assert_array_equal(row, X[0])
    np.testing.assert_array_equal(turned, X.T)
    np.testing.assert_array_equal(back, [3, 2, 1, 0])
    np.testing.assert_array_equal(whole, [0, 1, 2, 3])


def test_slices_with_indices_are_returned():
    @function
    def f(table, at):
        with nf.GradientTape() as tape:
            tape.watch(table)
            y = nf.reduce_sum(nf.gather(table, at) * 3.0)
        return tape.gradient(y, table)
    found = f(nf.constant(X), nf.constant([1, 1]))
    dense = found if isinstance(found, nf.Tensor) else nf.convert_to_tensor(found)
    np.testing.assert_array_equal(dense, [[0, 0], [6, 6]])


def test_results_are_plain_tensors_that_go_on():
    y = function(lambda x: x * 2.0)(nf.constant(X))
    assert type(y) is nf.Tensor
    np.testing.assert_array_equal(y + y, 4 * X)


# ---- tapes
def cubed(x):
    return x * x * x


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_from_outside(order):
    f = function(cubed)

    def derivative(x, order):
        if order == 0:
            return f(x)
        with nf.GradientTape() as tape:
            tape.watch(x)
            y = derivative(x, order - 1)
        return tape.gradient(y, x)
    assert derivative(nf.constant(2.0), order).numpy() == {1: 12, 2: 12, 3: 6}[order]
    assert function(lambda x: derivative(x, order))(nf.constant(2.0)).numpy() == {1: 12, 2: 12, 3: 6}[order]


def test_a_persistent_tape_and_a_function_called_twice():
    f, x = function(cubed), nf.constant(2.0)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
        z = f(y) * x
    assert tape.gradient(y, x).numpy() == 12
    assert tape.gradient(z, y).numpy() == pytest.approx(3 * 8 ** 2 * 2)
    assert tape.gradient(z, x).numpy() == pytest.approx(10 * 2.0 ** 9)


def test_two_tapes_hear_one_call():
    f, x, y = function(lambda x, y: x * x * y), nf.constant(3.0), nf.constant(5.0)
    with nf.GradientTape() as one, nf.GradientTape() as two:
        one.watch(x)
        two.watch(y)
        z = f(x, y)
    assert one.gradient(z, x).numpy() == 30
    assert two.gradient(z, y).numpy() == 9


def test_gradients_of_variables_from_outside_and_inside():
    v, x = nf.Variable(2.0), nf.constant(3.0)

    @function
    def f(x):
        return v * v * x

    @function
    def inside(x):
        with nf.GradientTape() as tape:
            y = f(x)
        return tape.gradient(y, v)
    with nf.GradientTape() as tape:
        y = f(x)
    assert [v.name for v in tape.watched_variables()] == [v.name]
    assert tape.gradient(y, v).numpy() == inside(x).numpy() == 12


def test_outputs_without_gradient_and_several_outputs():
    @function
    def f(x):
        return x * 2.0, nf.argmax(x), nf.stop_gradient(x) * x, nf.constant(1.0)
    x = nf.constant([1.0, 3.0])
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        a, _, c, d = f(x)
    np.testing.assert_array_equal(tape.gradient(a, x), [2, 2])
    np.testing.assert_array_equal(tape.gradient(c, x), [1, 3])
    np.testing.assert_array_equal(tape.gradient([a, c], x), [3, 5])
    assert tape.gradient(d, x) is None


# ---- functions in functions, methods
def test_functions_in_functions():
    inner = function(lambda x: x * 2.0)
    v = nf.Variable(1.0)

    @function
    def outer(x):
        v.assign_add(1.0)
        return inner(inner(x)) + v
    assert [outer(nf.constant(1.0)).numpy() for _ in range(2)] == [6, 7]
    assert inner(nf.constant(1.0)).numpy() == 2


def test_recursion_by_a_static_argument():
    @function
    def power(x, n):
        return x if n == 1 else x * power(x, n - 1)
    assert power(nf.constant(2.0), 5).numpy() == 32


def test_methods_of_two_instances_have_their_own_state():
    class Scale:
        def __init__(self, by):
            self.by, self.calls, self.traces = by, nf.Variable(0), 0

        @function
        def __call__(self, x):
            self.traces += 1
            self.calls.assign_add(1)
            return x * self.by
    two, three = Scale(2.0), Scale(3.0)
    assert [two(nf.constant(1.0)).numpy(), three(nf.constant(1.0)).numpy()] == [2, 3]
    two(nf.constant(5.0))
    assert (two.calls.numpy(), three.calls.numpy()) == (2, 1)
    assert (two.traces, three.traces) == (1, 1)
    assert Scale.__call__.python_function.__name__ == "__call__"


@function
def of_module(x):
    """A function that a module holds."""
    return x + 1.0


def test_copies_and_pickles():
    assert pickle.loads(pickle.dumps(of_module)) is of_module
    assert copy.deepcopy(of_module) is of_module
    assert of_module.__doc__ == "A function that a module holds."
    local = function(lambda x: x + 1.0)
    twin = copy.deepcopy({"f": local})["f"]
    assert twin is not local
    assert twin(nf.constant(1.0)).numpy() == 2
    plain = pickle.loads(pickle.dumps(function(cubed)))
    assert plain(nf.constant(2.0)).numpy() == 8


# ---- arguments as they may come
@pytest.mark.parametrize("make", [lambda a: a.T, lambda a: a[::2, ::-1], lambda a: a[:, 1:], lambda a: a[0:0],
                                  lambda a: np.broadcast_to(a[:, :1], a.shape)])
def test_arguments_of_any_layout(make):
    a = make(np.arange(24.0, dtype="float32").reshape(4, 6))
    f = function(lambda x: nf.reduce_sum(nf.exp(x * 0.1), axis=0) - x[-1:] if x.shape[0] else x * 2.0)
    for x in (nf.constant(a), a):
        want = np.exp(a * np.float32(0.1)).sum(0) - a[-1:] if len(a) else a * 2
        np.testing.assert_allclose(f(x), want, rtol=1e-5)


def test_a_tensor_that_lies_otherwise_meets_the_same_program():
    f = function(lambda x: nf.matmul(x, x) + x)
    a = np.random.default_rng(0).standard_normal((5, 5))
    first, turned = nf.constant(a), nf.transpose(nf.constant(a.T.copy()))
    np.testing.assert_allclose(f(first), a @ a + a)
    np.testing.assert_allclose(f(turned), a @ a + a)


def test_empty_tensors():
    f = function(lambda x: (nf.reduce_sum(x), nf.reduce_sum(x, axis=0), x * 2.0,
                            nf.matmul(x, x, transpose_a=True), nf.concat([x, x], axis=0)))
    total, columns, twice, product, joined = f(nf.zeros([0, 3]))
    assert total.numpy() == 0
    np.testing.assert_array_equal(columns, np.zeros(3))
    assert tuple(twice.shape) == tuple(joined.shape) == (0, 3)
    np.testing.assert_array_equal(product, np.zeros((3, 3)))


# ---- threads
def test_threads_lose_no_update_and_see_no_torn_value():
    v = nf.Variable(np.zeros(512))

    @function
    def step(x):
        v.assign_add(x)
        return v.read_value()
    x, torn, go = nf.constant(np.ones(512)), [], threading.Barrier(8)

    def work():
        go.wait()
        for _ in range(100):
            if len(set(step(x).numpy())) != 1:
                torn.append(1)
    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not torn
    np.testing.assert_array_equal(v.numpy(), np.full(512, 800.0))


def test_threads_trace_a_function_once():
    f, traces = counted(lambda x: nf.sin(x) * 3.0)
    go, found = threading.Barrier(4), []

    def work():
        go.wait()
        found.append(f(nf.constant(1.0)).numpy())
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(traces) == 1
    assert found == [found[0]] * 4


# ---- errors
def test_an_error_while_tracing_names_the_line_and_the_way_out():
    @function
    def f(x):
        if x > 0.0:
            return x
        return -x
    for _ in range(2):
        with pytest.raises(TracingError, match=r"test_function\.py:\d+.*nf\.cond"):
            f(nf.constant(1.0))
    for ask in (lambda x: x.numpy(), float, lambda x: [1, 2][x], np.asarray):
        with pytest.raises(TracingError, match=r"test_function\.py:\d+"):
            function(ask)(nf.constant(1))


def test_a_tensor_that_left_its_trace_says_so():
    kept = []
    function(lambda x: kept.append(x * 2.0))(nf.constant(1.0))
    with pytest.raises(TracingError, match="trace of"):
        kept[0] + 1.0


def test_a_shape_error_is_the_one_of_eager():
    def f(x, y):
        return nf.matmul(x, y)
    a, b = nf.ones([2, 3]), nf.ones([2, 3])
    with pytest.raises(ValueError, match="matmul") as eager:
        f(a, b)
    with pytest.raises(ValueError, match="matmul") as compiled:
        function(f)(a, b)
    assert str(compiled.value) == str(eager.value)


def test_after_an_error_of_the_user_the_next_call_traces_anew():
    fail = [True]

    @function
    def f(x):
        if fail[0]:
            raise KeyError("mine")
        return x
    with pytest.raises(KeyError):
        f(nf.constant(1.0))
    fail[0] = False
    assert f(nf.constant(1.0)).numpy() == 1
    assert (nf.constant(1.0) + 1.0).numpy() == 2        # and eager runs


def test_an_error_in_a_call_leaves_variables_as_they_were():
    v = nf.Variable([1.0, 2.0])

    @function
    def f(at):
        y = nf.gather(v, at)
        v.assign_add([1.0, 1.0])
        return y
    assert f(nf.constant([0])).numpy() == 1
    with pytest.raises(ValueError, match="gather") as compiled:
        f(nf.constant([7]))
    with pytest.raises(ValueError, match="gather") as eager:
        nf.gather(v, [7])
    assert str(compiled.value) == str(eager.value)
    assert v.numpy().tolist() == [2, 3]
    assert f(nf.constant([1])).numpy() == 3
