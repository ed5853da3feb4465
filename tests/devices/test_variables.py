"""Variables on a GPU: they live where they were made, change there, and tensors read before stay."""
import threading

import numpy as np
import pytest

import numbaflow as nf

CPU = "/job:localhost/replica:0/task:0/device:CPU:0"
GPU = CPU[:-5] + "GPU:0"


@pytest.fixture
def v():
    with nf.device("/gpu:0"):
        return nf.Variable([[1.0, 2.0], [3.0, 4.0]], name="v")


def test_what_it_is(v):
    assert isinstance(v, nf.Variable)
    assert (v.device, v.name, v.shape, v.dtype) == (GPU, "v:0", (2, 2), nf.float32)
    assert (v.trainable, len(v)) == (True, 2)
    assert "numpy=" in repr(v)
    assert "[1., 2.]" in repr(v)
    assert v.numpy().tolist() == [[1, 2], [3, 4]]
    assert v.read_value().device == v.value().device == (v + 1.0).device == v[0].device == GPU
    with nf.device("/gpu:0"):
        n = nf.Variable(3)
    assert (int(n), [0, 1, 2, 3][n], float(nf.Variable(2.5)), bool(n)) == (3, 3, 2.5, True)
    assert {v: 1}[v] == 1


def test_where_it_is_made():
    x = nf.constant([1.0, 2.0]).gpu()
    assert nf.Variable(x).device == GPU
    with nf.device("/cpu:0"):
        assert nf.Variable(x).device == CPU
    with nf.device("/gpu:0"):
        assert nf.Variable(np.float32([1.0])).device == GPU
        assert nf.Variable(lambda: nf.zeros([2])).device == GPU
        assert nf.Variable([1, 2], dtype=nf.float64).dtype == nf.float64
        assert nf.Variable(nf.constant([1, 2]), dtype=nf.float32).numpy().dtype == np.float32


@pytest.mark.parametrize("value", [[[5.0, 6.0], [7.0, 8.0]], np.float32([[5, 6], [7, 8]])])
def test_assigning(v, value):
    before = v.read_value()
    v.assign(value)
    assert v.numpy().tolist() == [[5, 6], [7, 8]]
    assert v.assign_add(nf.ones([2, 2])) is v
    v.assign_sub(nf.constant([[1.0, 0.0], [0.0, 1.0]]).gpu())
    assert v.numpy().tolist() == [[5, 7], [8, 8]]
    v[0, 1].assign(20.0)
    v[1].assign([0.0, 1.0])
    assert v.numpy().tolist() == [[5, 20], [0, 1]]
    assert before.numpy().tolist() == [[1, 2], [3, 4]]
    assert v.device == GPU


def test_rows_are_scattered(v):
    rows = nf.IndexedSlices(nf.constant([[1.0, 1.0], [2.0, 2.0]]), nf.constant([1, 1]))
    v.scatter_add(rows)
    assert v.numpy().tolist() == [[1, 2], [6, 7]]
    v.scatter_sub(nf.IndexedSlices(nf.constant([[1.0, 1.0]]), nf.constant([0])))
    v.scatter_update(nf.IndexedSlices(nf.constant([[9.0, 9.0]]), nf.constant([1])))
    assert v.numpy().tolist() == [[0, 1], [9, 9]]
    v.scatter_nd_add([[0, 1]], [5.0])
    v.scatter_nd_update([[1, 0]], [2.0])
    v.scatter_nd_sub([[1]], [[1.0, 1.0]])
    assert v.numpy().tolist() == [[0, 6], [1, 8]]
    assert v.sparse_read([1]).numpy().tolist() == [[1, 8]]
    assert v.gather_nd([[0, 1]]).numpy().tolist() == [6]


def test_what_does_not_fit_is_refused(v):
    with pytest.raises(ValueError, match="incompatible"):
        v.assign([1.0])
    with pytest.raises(nf.errors.InvalidArgumentError, match="cast it first"):
        v.assign(nf.ones([2, 2], nf.float64))
    with pytest.raises(RuntimeError, match="assign_add"):
        v += 1.0
    assert v.numpy().tolist() == [[1, 2], [3, 4]]


def test_variables_of_the_cpu_in_the_scope_of_a_gpu():
    v = nf.Variable([1.0, 2.0])
    with nf.device("/gpu:0"):
        assert v.device == CPU
        assert (v * 2.0).device == GPU
        v.assign(nf.constant([3.0, 4.0]))
        v.assign_add([1.0, 1.0])
        v.scatter_nd_add([[0]], [1.0])
    assert v.device == CPU
    assert v.numpy().tolist() == [5, 5]


def test_gradients(v):
    with nf.GradientTape() as tape:
        y = nf.reduce_sum(v * v) + nf.reduce_sum(nf.gather(v, [0]))
    g = tape.gradient(y, v)
    assert (nf.convert_to_tensor(g).numpy().tolist(), tape.watched_variables()) == ([[3, 5], [6, 8]], (v,))
    with nf.GradientTape() as tape:
        y = nf.nn.embedding_lookup(v, [1, 1])
    g = tape.gradient(y, v)
    assert isinstance(g, nf.IndexedSlices)
    assert g.values.device == GPU


def test_a_variable_is_freed_with_its_last_reference():
    import gc
    import weakref
    with nf.device("/gpu:0"):
        v = nf.Variable([1.0])
    gone = weakref.ref(v)
    del v
    gc.collect()
    assert gone() is None


def test_threads_that_add_lose_nothing():
    with nf.device("/gpu:0"):
        total = nf.Variable(0)

    def add():
        for _ in range(10):
            total.assign_add(1)
    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total.numpy() == 30


def test_initializers_and_counters(automatic):
    w = nf.contrib.eager.Variable(nf.keras.initializers.get("glorot_uniform")((2, 3)))
    n = nf.Variable(2)
    assert (w.device, n.count_up_to(3).numpy(), n.numpy()) == (GPU, 2, 3)
    with pytest.raises(nf.errors.OutOfRangeError):
        n.count_up_to(3)


def test_values_that_are_views_are_copied():
    with nf.device("/gpu:0"):
        x = nf.constant([[1.0, 2.0], [3.0, 4.0]])
        v, w, u = nf.Variable(x[0]), nf.Variable(nf.transpose(x)), nf.Variable([0.0, 0.0])
        u.assign(x[1])

        @nf.function
        def keep(y):
            rows = nf.reshape(nf.matmul(y, y), [4])
            u.assign(rows[:2])
            return rows
        rows = keep(x)
        sgd = nf.train.GradientDescentOptimizer(1.0)
        sgd.apply_gradients([(nf.ones([2]), v), (nf.ones([2, 2]), w), (nf.ones([2]), u)])
    assert x.numpy().tolist() == [[1, 2], [3, 4]]
    assert rows.numpy().tolist() == [7, 10, 15, 22]
    assert (v.numpy().tolist(), w.numpy().tolist(), u.numpy().tolist()) == ([0, 1], [[0, 2], [1, 3]], [6, 9])
