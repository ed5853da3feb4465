"""Where tensors live and ops run: scopes, copies, gradients across devices, policies, values, threads."""
import threading
import warnings

import numpy as np
import pytest
from numbaflow.kernels.cuda import backend

import numbaflow as nf
from numbaflow.contrib import eager as tfe
from numbaflow.core import context

CPU = "/job:localhost/replica:0/task:0/device:CPU:0"
GPU0, GPU1 = CPU[:-5] + "GPU:0", CPU[:-5] + "GPU:1"
two = pytest.mark.skipif(tfe.num_gpus() < 2, reason="one GPU")


def vector(*values):
    return nf.constant(np.float32(values))


# ---- scopes
@pytest.mark.parametrize("name", ["/gpu:0", "gpu:0", "GPU:0", "/device:GPU:0", GPU0, "/task:0/gpu:0"])
def test_tensors_are_made_in_the_scope(name):
    with nf.device(name):
        made = [nf.constant([1.0]), nf.zeros([2]), nf.random_normal([2]), nf.range(3),
                nf.convert_to_tensor([1]), nf.Variable([1.0]), nf.Variable(1).value(), nf.constant(1.0) + 1.0]
        assert [t.device for t in made] == [GPU0] * len(made)
    assert nf.constant([1.0]).device == CPU


@two
def test_scopes_merge_and_nest():
    with nf.device("/job:localhost"), nf.device("/gpu:1"):
        assert nf.constant([1.0]).device == GPU1
        with nf.device("/gpu:0"):
            assert nf.constant([1.0]).device == GPU0
        with nf.device("/cpu:0"):
            assert nf.constant([1.0]).device == CPU
        with nf.device(None):
            assert nf.constant([1.0]).device == CPU
        assert nf.constant([1.0]).device == GPU1
        scope = nf.device("/task:0")
        with scope, scope:
            assert nf.constant([1.0]).device == GPU1


def test_a_missing_gpu():
    full = CPU[:-5] + "GPU:7"
    with nf.device("/gpu:7"), pytest.raises(RuntimeError, match=f"to device: {full}. {full} unknown device"):
        nf.constant(1.0)
    with nf.device("/gpu:0"):
        x = vector(1, 2)
    with nf.device("/gpu:7"), pytest.raises(nf.errors.InvalidArgumentError, match="unknown device"):
        x + x
    with pytest.raises(RuntimeError, match=r"Error copying tensor to device: GPU:7\. GPU:7 unknown device"):
        x.gpu(7)
    assert x.numpy().tolist() == [1, 2]


def test_ops_run_in_the_scope_or_where_their_inputs_are():
    x = vector(1, 2)
    y = x.gpu()
    assert ((x + x).device, (y + y).device) == (CPU, GPU0)
    assert (x + y).device == (y * x).device == (2.0 * y).device == (y - np.float32([1, 1])).device == GPU0
    with nf.device("/gpu:0"):
        assert (x + x).device == (x + 1.0).device == (-x).device == x[0].device == GPU0
        assert nf.concat([x, x], 0).device == nf.add_n([x, x]).device == GPU0
        assert all(t.device == GPU0 for t in nf.split(x, 2))
    with nf.device("/cpu:0"):
        assert (y + y).device == (x + y).device == nf.concat([y, y], 0).device == CPU


@two
def test_tensors_of_several_gpus_meet_on_the_first():
    x, y = vector(1, 2).gpu(0), vector(3, 4).gpu(1)
    assert ((x + y).device, (y + x).device) == (GPU0, GPU1)
    assert (x + y).numpy().tolist() == [4, 6]
    with nf.device("/gpu:1"):
        assert (x * x).device == GPU1


# ---- copies
def test_copies_are_new_objects():
    x = vector(1, 2)
    y = x.gpu()
    assert x.device == x.cpu().device == y.cpu().device == CPU
    assert y.device == y.backing_device == x.gpu().device == GPU0
    for a, b in ((x, x.cpu()), (y, y.gpu()), (x, y.cpu())):
        assert a is not b
        assert b.numpy().tolist() == [1, 2]


def test_values():
    x = nf.constant([[1.5, 2.0], [3.0, 4.0]]).gpu()
    assert str(x) == "tf.Tensor(\n[[1.5 2. ]\n [3.  4. ]], shape=(2, 2), dtype=float32)"
    assert "numpy=" in repr(x)
    assert repr(x).startswith("<tf.Tensor: id=")
    assert f"{x[0, 0]:.2f} {x[1, 1]}" == "1.50 4.0"
    one = x[0, 1]
    assert (bool(one > 1.0), int(nf.cast(one, nf.int32)), float(one), complex(one)) == (True, 2, 2.0, 2 + 0j)
    assert [10, 20, 30][nf.constant(1).gpu()] == 20
    assert (len(x), [row.numpy().tolist() for row in x]) == (2, [[1.5, 2.0], [3.0, 4.0]])
    assert x.tolist() == [[1.5, 2.0], [3.0, 4.0]]
    assert (x.shape, x.dtype, x.ndim) == ((2, 2), nf.float32, 2)
    array = np.asarray(x)
    array[0] = 0.0
    assert np.array(x, np.float64).dtype == np.float64
    assert x.numpy().tolist() == [[1.5, 2.0], [3.0, 4.0]]
    assert type(one.numpy()) is np.float32


def test_a_host_array_is_a_copy():
    x = vector(1, 2).gpu()
    x.numpy()[0] = 5.0
    assert x.numpy().tolist() == [1, 2]
    with pytest.raises(ValueError, match="needs a copy"):
        np.array(x, copy=False)


def test_integers_and_bools_are_there_too():
    with nf.device("/gpu:0"):
        i, b = nf.constant([1, 2, 3]), nf.constant([True, False])
        assert (i.dtype, i.device, (i * 2 + 1).device, b.device) == (nf.int32, GPU0, GPU0, GPU0)
        assert (i // 2).numpy().tolist() == [0, 1, 1]
        assert nf.reduce_sum(i).numpy() == 6
        assert nf.reshape(i, nf.stack([nf.size(i), 1])).shape == (3, 1)
        assert nf.gather(nf.constant([5.0, 6.0, 7.0]), i - 1).numpy().tolist() == [5, 6, 7]
        assert nf.logical_not(b).numpy().tolist() == [False, True]


def test_arrays_are_lent_to_other_libraries():
    x = vector(1, 2).gpu()
    if backend.SIMULATED:
        assert not hasattr(x._data, "__cuda_array_interface__")
        assert not hasattr(x, "__cuda_array_interface__")
        assert not hasattr(vector(1), "__cuda_array_interface__")
        return
    import cupy
    assert cupy.asarray(x).tolist() == cupy.from_dlpack(x).tolist() == [1.0, 2.0]


# ---- gradients
def test_gradients_go_back_to_where_sources_are():
    x, w = vector(1, 2), vector(3, 4).gpu()
    with nf.GradientTape(persistent=True) as tape:
        tape.watch([x, w])
        y = nf.reduce_sum(x.gpu() * w * x)
        z = nf.reduce_sum(y.cpu() * 2.0)
    dx, dw = tape.gradient(z, [x, w])
    assert (dx.device, dw.device) == (CPU, GPU0)
    assert (dx.numpy().tolist(), dw.numpy().tolist()) == ([12, 32], [2, 8])


@two
def test_gradients_across_gpus():
    x = vector(1, 2).gpu(0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = nf.reduce_sum(x.gpu(1) * x.cpu() * x)
    g = tape.gradient(y, x)
    assert (g.device, g.numpy().tolist()) == (GPU0, [3, 12])


def test_gradients_of_second_order():
    for place in ("/cpu:0", "/gpu:0"):
        with nf.device(place):
            x = vector(1, 2)
        with nf.GradientTape() as outer:
            outer.watch(x)
            with nf.GradientTape() as tape:
                tape.watch(x)
                y = nf.reduce_sum(nf.exp(x.gpu()) * nf.square(x.cpu()))
            g = tape.gradient(y, x)
        h = outer.gradient(g, x)
        assert x.device == g.device == h.device
        np.testing.assert_allclose(h.numpy(), np.exp([1, 2]) * (np.array([1, 4]) + 4 * np.array([1, 2]) + 2),
                                   rtol=1e-5)


def test_gradient_functions_of_the_guide():
    with nf.device("/gpu:0"):
        square = tfe.gradients_function(lambda x: nf.multiply(x, x))
        second = tfe.gradients_function(lambda x: square(x)[0])
        assert (square(3.0)[0].numpy(), second(3.0)[0].numpy()) == (6.0, 2.0)
        value, (g,) = tfe.value_and_gradients_function(lambda x: nf.reduce_sum(x * x))(vector(1, 2))
        assert (value.numpy(), g.numpy().tolist(), g.device) == (5.0, [2, 4], GPU0)

        @nf.custom_gradient
        def clipped(x):
            return nf.identity(x), lambda dy: nf.clip_by_value(dy, -1.0, 1.0)
        x = vector(1, 2)
        with nf.GradientTape() as tape:
            tape.watch(x)
            y = nf.reduce_sum(clipped(x) * 5.0)
        assert tape.gradient(y, x).numpy().tolist() == [1, 1]


def test_persistent_tapes_jacobians_and_slices():
    x = vector(1, 2, 3).gpu()
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x[1:] * x[:-1]
        rows = nf.gather(nf.stack([x, x * 2.0]), [1, 1])
    jacobian = tape.jacobian(y, x)
    assert jacobian.numpy().tolist() == [[2, 1, 0], [0, 3, 2]]
    assert tape.gradient(rows, x).numpy().tolist() == [4, 4, 4]


# ---- policies
@pytest.fixture
def policy(monkeypatch):
    def choose(number):
        monkeypatch.setitem(context._active, "device_policy", number)
    return choose


def test_explicit_placement_refuses_silent_copies(policy):
    x, y = vector(1, 2), vector(3, 4).gpu()
    policy(tfe.DEVICE_PLACEMENT_EXPLICIT)
    with pytest.raises(nf.errors.InvalidArgumentError, match="on conflicting devices: cannot compute add"):
        nf.add(y, x)
    assert (x.gpu() + y).numpy().tolist() == [4, 6]
    assert (y * 2.0).numpy().tolist() == [6, 8]


def test_warnings_of_copies(policy):
    x, y = vector(1, 2), vector(3, 4).gpu()
    policy(tfe.DEVICE_PLACEMENT_WARN)
    with pytest.warns(UserWarning, match="input #0 is copied"):
        assert (x + y).numpy().tolist() == [4, 6]
    policy(tfe.DEVICE_PLACEMENT_SILENT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (x + y).numpy().tolist() == [4, 6]


# ---- threads
def test_scopes_are_a_threads_own():
    found, entered, done = [], threading.Event(), threading.Event()

    def elsewhere():
        entered.wait(10)
        x = vector(1, 2)
        found.append(((x * x).device, nf.constant(1.0).device))
        done.set()
    thread = threading.Thread(target=elsewhere)
    thread.start()
    with nf.device("/gpu:0"):
        entered.set()
        assert done.wait(10)
        assert nf.constant(1.0).device == GPU0
    thread.join()
    assert found == [(CPU, CPU)]


@two
def test_threads_compute_on_devices_of_their_own():
    shared, found = vector(1, 2, 3).gpu(0), {}

    def work(k):
        with nf.device(f"/gpu:{k % 2}"):
            x = shared
            for _ in range(5):
                x = x + shared
            found[k] = x.device, x.numpy().tolist()
    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {k: ((GPU0, GPU1)[k % 2], [6, 12, 18]) for k in range(4)}


# ---- automatic placement
def test_tensors_go_to_the_first_gpu_by_themselves(automatic):
    made = [nf.constant([1.0]), nf.zeros([2]), nf.random_normal([2]), nf.random_uniform([2]), nf.range(3),
            nf.Variable([1.0]), nf.ones_like([1.0, 2.0]), nf.constant([1, 2]), nf.add([1.0], [2.0])]
    assert [t.device for t in made] == [GPU0] * len(made)
    with nf.device("/cpu:0"):
        x = nf.constant([1.0])
        assert (x.device, nf.Variable(1.0).device, (x + 1.0).device) == (CPU, CPU, CPU)
    assert (x + 1.0).device == CPU
    assert (x + nf.constant([1.0])).device == GPU0
    with nf.device("/cpu:0"), nf.device(None):
        assert nf.constant([1.0]).device == GPU0


def test_gradients_where_tensors_are_placed_automatically(automatic):
    w = nf.Variable([[1.0, 2.0]])
    with nf.GradientTape() as tape:
        loss = nf.reduce_mean(nf.square(nf.matmul(np.float32([[2], [3]]), w) - 1.0))
    g = tape.gradient(loss, w)
    assert (loss.device, g.device) == (GPU0, GPU0)
    np.testing.assert_allclose(g.numpy(), [[4.0, 10.5]])
    grad = tfe.implicit_gradients(lambda: nf.reduce_sum(w * w))
    assert grad()[0][0].numpy().tolist() == [[2.0, 4.0]]


VALUES = [np.array([1, 2, 3], np.int32), np.array([1, 2], np.int64), np.array([3], np.uint8),
          np.array([True, False]), np.array([1.0, 2.0]), np.array([1 + 2j], np.complex64)]
WITH_NUMBERS = [lambda x: x * 2.5, lambda x: 2 * x, lambda x: x + 1, lambda x: x / 2, lambda x: 2.5 - x,
                lambda x: x > 1.5, lambda x: nf.maximum(x, 2), lambda x: x**2, lambda x: x * True,
                lambda x: x - 300]


@pytest.mark.parametrize("values", VALUES, ids=lambda values: values.dtype.name)
def test_python_numbers_mix_as_on_the_cpu(values):
    def given(f, x):
        try:
            y = f(x)
        except nf.errors.InvalidArgumentError as error:
            return str(error)
        return y.dtype.name, y.numpy().tolist()
    x = nf.constant(values)
    for f in WITH_NUMBERS:
        assert given(f, x.gpu()) == given(f, x)
