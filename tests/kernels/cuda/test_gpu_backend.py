"""The backend of real GPUs from end to end, on stand-ins for CuPy and the driver."""
import gc
import threading

import numpy as np
import pytest
from numbaflow.kernels.cuda import arrays, backend, driver, gpu
from numbaflow.kernels.cuda.jit import cuda, kernel

import numbaflow as nf
from numbaflow.core.device import places
from numbaflow.core.placement import DeviceTensor

from .stand_ins import DriverError, Machine

X = np.arange(-6, 6, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def machine(monkeypatch):
    made = Machine()
    monkeypatch.setattr(gpu, "compiled", made.compiled)
    found = gpu.Gpu(made.cupy, driver.Driver(made.driver), 2)
    found.name, found.automatic = "stand-in", False         # (there is no cuBLAS)
    monkeypatch.setattr(backend.here, "device", 0)
    with backend.using(found):
        yield made


def other_thread(function):
    """What a function gives in a thread of its own."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def same(tensor, wanted):
    assert isinstance(tensor, DeviceTensor)
    np.testing.assert_allclose(tensor.numpy(), wanted, rtol=1e-6)


# ---- parameters
@kernel
def _mixed(x, flag, small, wide, real, single, out):
    i = cuda.grid(1)
    while i < out.size:
        out[i] = x[i] * small + wide if flag else real + single
        i += cuda.gridsize(1)


@pytest.mark.parametrize("flag", [True, False])
def test_numbers_reach_a_kernel_as_what_they_are(machine, flag):
    x, out = [backend.current().from_host(np.arange(5, dtype=dtype)) for dtype in (np.int64, np.float64)]
    _mixed.over(5, x, flag, np.int8(-3), -2**40, 0.1, np.float32(0.25), out)
    wanted = np.arange(5) * -3 - 2**40 if flag else np.full(5, 0.1 + 0.25)
    np.testing.assert_array_equal(backend.current().to_host(out), wanted)


def test_views_reach_a_kernel_with_their_strides(machine):
    made = backend.current().from_host(X)
    for view, wanted in [(made.transpose(1, 0), X.T), (made[::-1, 1:], X[::-1, 1:]), (made[1], X[1]),
                         (np.broadcast_to(made[:, :1], (3, 5)), np.broadcast_to(X[:, :1], (3, 5))),
                         (made[2, 3], X[2, 3]), (made[:, :0], X[:, :0]), (made[..., None], X[..., None])]:
        np.testing.assert_array_equal(backend.current().to_host(arrays.copy(view)), wanted)
        np.testing.assert_array_equal(backend.current().to_host(view), wanted)


def test_an_error_of_the_driver_is_named(machine):
    x = backend.current().from_host(X)
    with pytest.raises(RuntimeError, match=r"_mixed: the driver did not launch it on \(1, 70000, 1\) blocks"):
        _mixed((1, 70000), 32, x, True, 1, 1, 1.0, 1.0, x)
    backend.current().enter(1)
    with pytest.raises(RuntimeError, match="memory of device 0 in a kernel on device 1"):
        arrays.fill(x, 1)


@kernel
def _add_one(x, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i] = x[i] + 1


def _more(x):
    out = arrays.empty(x.shape, x.dtype)
    _add_one(1, 64, x.reshape(-1), out.reshape(-1))
    return out


# ---- ops
def test_ops_give_what_the_cpu_gives(machine):
    x, y = nf.constant(X), nf.constant(X[0] + 1)
    with nf.device("/gpu:0"):
        a, b = nf.identity(x), nf.identity(y)
    same(a * b + 2.0, X * (X[0] + 1) + 2)
    same(nf.where(a > 0, a, b), np.where(X > 0, X, X[0] + 1))
    same(nf.reduce_sum(a, axis=0), X.sum(0))
    same(nf.reduce_mean(a), X.mean())
    same(nf.transpose(a) @ a, X.T @ X)
    same(nf.cast(a, nf.int8), X.astype(np.int8))
    assert machine.launched


def test_nothing_runs_before_somebody_waits(machine):
    with nf.device("/gpu:0"):
        a = nf.constant(X) + 1.0
    assert not machine.launched
    same(a, X + 1)


def test_gradients_and_steps(machine):
    with nf.device("/gpu:1"):
        w, v = nf.Variable(X / 8), nf.Variable(np.float32(2.0))
    optimizer = nf.train.AdamOptimizer(0.1)
    cpu_w, cpu_v = nf.Variable(X / 8), nf.Variable(np.float32(2.0))
    other = nf.train.AdamOptimizer(0.1)
    for _ in range(2):
        for chosen, a, b in ((optimizer, w, v), (other, cpu_w, cpu_v)):
            with nf.GradientTape() as tape:
                loss = nf.reduce_sum(nf.tanh(a * b) ** 2)
            chosen.apply_gradients(zip(tape.gradient(loss, [a, b]), [a, b], strict=True))
    assert w.device.endswith("GPU:1")
    np.testing.assert_allclose(w.numpy(), cpu_w.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(v.numpy(), cpu_v.numpy(), rtol=1e-5)


# ---- devices and streams
def test_copies_between_devices_are_in_order_with_both(machine):
    with nf.device("/gpu:0"):
        a = nf.constant(X) * 3.0
    b = a.gpu(1)
    del a
    with nf.device("/gpu:0"):
        junk = [nf.zeros((3, 4)) for _ in range(3)]         # (in the memory of a)
    nf.reduce_sum(junk[0]).numpy()
    same(b + 1.0, X * 3 + 1)
    assert b.device.endswith("GPU:1")


def test_another_thread_waits_for_the_stream_that_made_a_tensor(machine):
    with nf.device("/gpu:0"):
        a = nf.constant(X) * 2.0
    made = other_thread(lambda: a + 1.0)
    assert made._stream is not a._stream
    same(made, X * 2 + 1)
    with nf.device("/gpu:0"):
        b = nf.constant(X) * 3.0
    np.testing.assert_array_equal(other_thread(lambda: (b + 1.0).numpy()), X * 3 + 1)
    with nf.device("/gpu:0"):
        b = nf.constant(X) * 4.0
    np.testing.assert_array_equal(other_thread(b.numpy), X * 4)


def test_memory_is_not_given_anew_before_another_thread_has_read_it(machine):
    with nf.device("/gpu:0"):
        a = nf.constant(X) * 2.0
    held = [a]
    made = other_thread(lambda: held[0] + 1.0)
    size = len(machine.memory)
    del a, held[:]
    with nf.device("/gpu:0"):
        b = nf.constant(X) * 0.0        # in the memory of a
    assert len(machine.memory) <= size + 1
    same(b, X * 0)
    same(made, X * 2 + 1)


def test_the_next_thread_has_the_streams_of_one_that_ended(machine):
    def stream():
        backend.current().enter(1)
        return backend.current().stream()
    first = other_thread(stream)
    gc.collect()
    assert stream() is first
    assert other_thread(stream) is not first


def test_pinned_memory_is_held_until_it_is_copied(machine):
    found = [backend.current().from_host(X + k) for k in range(5)]
    assert not any((raw == 0xEE).all() for raw in machine.pinned)
    for k, array in enumerate(found):
        np.testing.assert_array_equal(backend.current().to_host(array), X + k)
    backend.current().from_host(X)
    assert [(raw == 0xEE).all() for raw in machine.pinned] == [True] * 5 + [False]


def test_ops_are_on_the_stream_that_a_program_has_chosen_through_cupy(machine):
    cuda = machine.cupy.cuda
    with nf.device("/gpu:0"):
        a = nf.constant(X) + 1.0
        own = a._stream
        chosen = cuda.Stream(non_blocking=True)
        chosen.use()
        b = a * 2.0
        assert b._stream is chosen
        machine.null[0].use()
        c = b - a
    assert c._stream is own
    same(c, X + 1)


def test_a_device_that_a_program_has_chosen_through_cupy_is_left(machine):
    with nf.device("/gpu:0"):
        a = nf.constant(X)
        machine.cupy.cuda.Device(1).use()
        same(a + 1.0, X + 1)


# ---- captured launches
def program():
    with nf.device("/gpu:0"):
        v = nf.Variable(np.float32(1.0))

    @nf.function
    def step(x):
        v.assign_add(nf.reduce_sum(x))
        y = nf.exp(x) * v
        return y, nf.transpose(x)
    return v, step


def wanted(total, x):
    return np.exp(x) * total


def test_a_program_is_captured_and_repeated(machine):
    v, step = program()
    total = 1.0
    for k in range(4):
        x = X / (k + 1)
        with nf.device("/gpu:0"):
            y, turned = step(nf.constant(x))
        total += x.sum()
        if k == 2:
            before = len(machine.memory)
        np.testing.assert_allclose(y.numpy(), wanted(total, x), rtol=1e-5)
        same(turned, x.T)
        np.testing.assert_allclose(v.numpy(), total, rtol=1e-5)
    assert len(machine.memory) <= before + 1                # (a repetition takes no memory but for results)


def test_a_captured_program_on_another_thread(machine):
    v, step = program()
    with nf.device("/gpu:0"):
        x = nf.constant(X)
        for _ in range(3):
            step(x)
    y = other_thread(lambda: step(x * 2.0)[0])
    total = 1 + 5 * X.sum()
    np.testing.assert_allclose(y.numpy(), wanted(total, 2 * X), rtol=1e-5)
    np.testing.assert_allclose(v.numpy(), total, rtol=1e-5)
    v.assign(3.0)
    y = other_thread(lambda: step(x)[0])
    np.testing.assert_allclose(y.numpy(), wanted(3 + X.sum(), X), rtol=1e-5)


def test_what_cannot_be_captured_has_run_once(machine):
    def launches():
        arrays.assign(counter, _more(counter))
        return [backend.current().from_host(X)]
    counter = backend.current().from_host(np.zeros(1, np.float32))
    results, captured = backend.current().captured(launches)
    assert captured is None
    np.testing.assert_array_equal(backend.current().to_host(results[0]), X)
    np.testing.assert_array_equal(backend.current().to_host(counter), [1.0])


def test_another_thread_may_wait_for_one_that_captures(machine):
    with nf.device("/gpu:0"):
        a = nf.constant(X) * 2.0
    found = []

    def launches():
        if backend.current()._thread.capturing:
            found.append(other_thread(lambda: a + 1.0))
        return [_more(a._data)]
    results, captured = backend.current().captured(launches)
    assert captured is not None
    same(found[0], X * 2 + 1)
    np.testing.assert_array_equal(backend.current().to_host(results[0]), X * 2 + 1)


# ---- other libraries
class Foreign:
    """An array of a library that only knows the CUDA array interface."""

    def __init__(self, array):
        self.array = array

    @property
    def __cuda_array_interface__(self):
        return self.array.__cuda_array_interface__


class WithDLPack(Foreign):
    """An array of a library that knows both."""

    def __dlpack__(self, **arguments):
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


@pytest.fixture(params=[Foreign, WithDLPack])
def lent(request, machine, monkeypatch):
    """A function that gives an array on GPU 1, which a stream of CuPy's is still to fill with X."""
    backend.current().automatic = True
    monkeypatch.setattr(places, "on", True)

    def made():
        with machine.cupy.cuda.Device(1):
            array = machine.cupy.empty(X.shape, X.dtype)
            machine.current().give(lambda: np.copyto(array.view(np.ndarray), X))
        return request.param(array)
    return made


def test_constants_of_arrays_of_a_gpu_stay_there_in_order(machine, lent):
    array = lent()
    for t in nf.constant(array), nf.convert_to_tensor(array), nf.identity(array):
        assert t.device.endswith("GPU:1")
        np.testing.assert_array_equal(t.numpy(), X)
    np.testing.assert_array_equal(nf.Variable(lent()).numpy(), X)
    t = nf.constant(lent(), nf.float64)
    assert (t.dtype, t.device[-1]) == (nf.float64, "1")
    np.testing.assert_array_equal(t.numpy(), X)
    with pytest.raises(TypeError, match="Requested dtype: int32"):
        nf.constant(lent(), nf.int32)


def test_scopes_bring_arrays_of_a_gpu_elsewhere(machine, lent):
    for name in "/gpu:0", "/cpu:0":
        with nf.device(name):
            t = nf.constant(lent())
        assert t.device.endswith(name[1:].upper())
        np.testing.assert_array_equal(t.numpy(), X)
    with nf.device("/gpu:0"):
        np.testing.assert_array_equal(nf.constant(lent(), shape=(3, 5)).numpy()[0, :4], X[0])

    @nf.function
    def traced():
        return nf.constant(array) + 1.0
    array = lent()
    np.testing.assert_array_equal(traced().numpy(), X + 1)


def test_an_array_of_a_gpu_is_shared(machine):
    with machine.cupy.cuda.Device(1):
        array = machine.cupy.empty(X.shape, X.dtype)
        machine.current().give(lambda: np.copyto(array.view(np.ndarray), X))
    t = nf.from_dlpack(array)
    assert t._data is array
    same(t * 2.0, X * 2)
    assert t.device.endswith("GPU:1")


def test_who_takes_a_tensor_waits_for_its_stream(machine):
    consumer = machine.cupy.cuda.Stream(non_blocking=True)

    def made():
        with nf.device("/gpu:0"):
            return nf.constant(X) * 2.0
    for take in lambda t: t.__dlpack__(stream=consumer), machine.asarray:
        t = other_thread(made)
        taken = take(t)
        consumer.synchronize()
        np.testing.assert_array_equal(taken.view(np.ndarray), X * 2)


def test_capture_refuses_what_others_would_wait_for(machine):
    stream = machine.cupy.cuda.Stream(non_blocking=True)
    stream.begin_capture()
    for refused in (stream.synchronize, lambda: machine.cupy.cuda.Event().record(stream)):
        with pytest.raises(DriverError):
            refused()
