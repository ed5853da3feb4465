"""Several tapes at once, variables, and ops with lists and several outputs."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core.tape import listening


def value(x):
    return None if x is None else x.numpy().tolist()


@pytest.fixture(autouse=True)
def no_tape_is_left_listening():
    yield
    assert listening() == ()


# ---- several tapes
def test_nested_tapes_are_independent():
    x, y = nf.constant(2.0), nf.constant(3.0)
    with nf.GradientTape() as a:
        a.watch(x)
        with nf.GradientTape() as b:
            b.watch(y)
            z = x * x * y * y
        w = z * x
    assert [value(g) for g in b.gradient([z, w], [x, y])] == [None, 24.0]
    assert [value(g) for g in a.gradient([z, w], [x, y])] == [36.0 + 3 * 36.0, None]


def test_three_tapes_that_trace_different_tensors():
    xs = [nf.constant(float(k)) for k in (2, 3, 5)]
    tapes = [nf.GradientTape(persistent=True) for _ in xs]
    with tapes[0], tapes[1], tapes[2]:
        for tape, x in zip(tapes, xs, strict=True):
            tape.watch(x)
        y = xs[0] * xs[1] * xs[2]
        parts = nf.unstack(nf.stack([y, xs[2]]))
        z = parts[0] * parts[1]
    for k, (tape, partial) in enumerate(zip(tapes, (75.0, 50.0, 60.0), strict=True)):
        found = tape.gradient(z, xs)
        assert [value(g) for g in found] == [partial if j == k else None for j in range(3)]


def test_second_order_by_nesting():
    x = nf.constant(3.0)
    with nf.GradientTape() as outer:
        outer.watch(x)
        with nf.GradientTape() as inner:
            inner.watch(x)
            y = x * x * x
        d = inner.gradient(y, x)
    assert value(d) == 27.0
    assert value(outer.gradient(d, x)) == 18.0


def test_mixed_second_derivatives_through_variables():
    v, x = nf.Variable(2.0), nf.constant(3.0)
    with nf.GradientTape() as outer:
        with nf.GradientTape() as inner:
            inner.watch(x)
            y = nf.sin(v * x)
        dx = inner.gradient(y, x)               # v cos(v x)
    np.testing.assert_allclose(outer.gradient(dx, v).numpy(), np.cos(6.0) - 6.0 * np.sin(6.0), rtol=1e-5)


def test_the_inner_gradient_of_a_shared_variable():
    v = nf.Variable(2.0)
    with nf.GradientTape() as outer:
        before = v * v
        with nf.GradientTape() as inner:
            y = v * v * v
        d = inner.gradient(y, v)
        after = d * v                           # 3 v^3
    assert value(outer.gradient([before, after], v)) == 4.0 + 36.0


def test_a_gradient_taken_after_its_outer_tape_is_not_recorded():
    x = nf.constant(3.0)
    with nf.GradientTape() as outer:
        outer.watch(x)
        with nf.GradientTape() as inner:
            inner.watch(x)
            y = x * x
    d = inner.gradient(y, x)
    assert value(d) == 6.0
    assert outer.gradient(d, x) is None


# ---- variables
def test_watched_variables_come_in_the_order_they_were_made():
    a, b, c = nf.Variable(1.0), nf.Variable(2.0), nf.Variable(3.0, trainable=False)
    with nf.GradientTape() as tape:
        tape.watch(c)
        y = b * a
    assert tape.watched_variables() == (a, b, c)
    tape.gradient(y, a)
    assert tape.watched_variables() == (a, b, c)


def test_watching_variables_can_be_turned_off():
    v, w = nf.Variable(1.0), nf.Variable(2.0)
    with nf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(v)
        y = v * w
    assert tape.watched_variables() == (v,)
    assert [value(g) for g in tape.gradient(y, [v, w])] == [2.0, None]


def test_tapes_that_hear_different_variables():
    v, w = nf.Variable(2.0), nf.Variable(5.0)
    with nf.GradientTape() as all_of_them, nf.GradientTape(watch_accessed_variables=False) as chosen:
        chosen.watch(w)
        y = v * w * w
    assert [value(g) for g in all_of_them.gradient(y, [v, w])] == [25.0, 20.0]
    assert [value(g) for g in chosen.gradient(y, [v, w])] == [None, 20.0]


def test_gathered_variables_get_indexed_slices():
    table = nf.Variable(np.arange(8.0).reshape(4, 2))
    with nf.GradientTape(persistent=True) as tape:
        once = nf.reduce_sum(nf.gather(table, [1, 3]) * 2.0)
        twice = once + nf.reduce_sum(nf.gather(table, [3]))
        mixed = twice + nf.reduce_sum(table)
    g = tape.gradient(once, table)
    assert isinstance(g, nf.IndexedSlices)
    assert (value(g.indices), value(g.values)) == ([1, 3], [[2.0, 2.0], [2.0, 2.0]])
    assert tuple(g.dense_shape) == (4, 2)
    joined = tape.gradient(twice, table)
    assert isinstance(joined, nf.IndexedSlices)
    assert value(joined.to_dense()) == [[0, 0], [2, 2], [0, 0], [3, 3]]
    dense = tape.gradient(mixed, table)
    assert isinstance(dense, nf.Tensor)
    assert value(dense) == [[1, 1], [3, 3], [1, 1], [4, 4]]


def test_gathered_tensors_get_dense_gradients():
    x = nf.constant([1.0, 2.0, 3.0])
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = nf.gather(x * 2.0, [0, 0, 2])
        z = nf.gather(x, [1])
    assert value(tape.gradient(y, x)) == [4.0, 0.0, 2.0]
    assert value(tape.gradient(z, x)) == [0.0, 1.0, 0.0]


def test_second_derivative_through_a_gathered_variable():
    v = nf.Variable([1.0, 2.0, 3.0])
    with nf.GradientTape() as outer:
        with nf.GradientTape() as inner:
            rows = nf.gather(v, [2, 0, 2])
            y = nf.reduce_sum(rows * rows * rows)
        g = nf.convert_to_tensor(inner.gradient(y, v))
    assert value(g) == [3.0, 0.0, 54.0]
    assert value(nf.convert_to_tensor(outer.gradient(g, v))) == [6.0, 0.0, 36.0]


# ---- gradients that meet
def test_adding_up_writes_to_no_gradient():
    """Gradients of one value that come from several ops are summed into new tensors."""
    x, y = nf.constant(np.ones(3)), nf.constant(np.full(3, 2.0))
    seed = nf.constant(np.array([1.0, 2.0, 3.0]))
    with nf.GradientTape(persistent=True) as tape:
        tape.watch([x, y])
        both = x + y                    # passes its gradient on to both, as it is
        z = both + x * y + x
    first = tape.gradient(z, [x, y, both], output_gradients=seed)
    kept = [g.numpy() for g in first]
    second = tape.gradient([z, both], [x, y, both], output_gradients=[seed, seed])
    assert seed.numpy().tolist() == [1.0, 2.0, 3.0]
    for g, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(g.numpy(), before)
    np.testing.assert_array_equal([g.numpy() for g in first], np.outer([4.0, 2.0, 1.0], [1, 2, 3]))
    np.testing.assert_array_equal([g.numpy() for g in second], np.outer([5.0, 3.0, 2.0], [1, 2, 3]))


def test_gradients_of_one_value_from_ops_of_other_shapes_and_dtypes():
    x = nf.constant(np.float32([[1.0], [2.0]]))
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        total = nf.reduce_sum(x) + nf.reduce_sum(x * np.ones(4, np.float32))
        total = total + nf.reduce_sum(nf.cast(x, nf.float64) ** 2.0)
        z = total + nf.reduce_sum(nf.gather(x, [1, 1, 0])) + nf.reduce_sum(nf.concat([x, x * x], 0))
    expected = [[1 + 4 + 2 + 1 + 1 + 2], [1 + 4 + 4 + 2 + 1 + 4]]
    g = tape.gradient(z, x)
    assert g.dtype == nf.float32
    assert value(g) == expected
    with nf.GradientTape() as outer:
        outer.watch(x)
        assert value(tape.gradient(z, x)) == expected


# ---- ops with lists and several outputs
def test_outputs_nothing_came_back_to_count_as_zero():
    x = nf.constant([1.0, 2.0, 3.0])
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        a, b, c = nf.unstack(x * x)
    assert value(tape.gradient(b, x)) == [0.0, 4.0, 0.0]
    assert [value(g) for g in tape.gradient([a, c], [x, a, b])] == [[2.0, 0.0, 6.0], 1.0, None]


def test_lists_of_inputs_of_which_some_are_traced():
    x, y, k = nf.constant([1.0, 2.0]), nf.constant([3.0]), nf.constant([4.0])
    with nf.GradientTape() as tape:
        tape.watch([x, y])
        z = nf.concat([k, x, k, y, x], 0) * nf.constant([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    assert [value(g) for g in tape.gradient(z, [x, y, k])] == [[8.0, 10.0], [5.0], None]
