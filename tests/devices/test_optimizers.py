"""Optimizers on a GPU: every one gives what it gives on the CPU, for dense and sparse gradients."""
import numpy as np
import pytest
from numbaflow.kernels.cuda import backend

import numbaflow as nf

train, keras = nf.train, nf.keras.optimizers
OPTIMIZERS = {
    "gradient descent": lambda: train.GradientDescentOptimizer(0.1),
    "momentum": lambda: train.MomentumOptimizer(0.1, 0.9),
    "nesterov": lambda: train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "adam": lambda: train.AdamOptimizer(0.1),
    "adamw": lambda: train.AdamWOptimizer(0.01, 0.1),
    "adagrad": lambda: train.AdagradOptimizer(0.1),
    "adadelta": lambda: train.AdadeltaOptimizer(0.5),
    "adagrad da": lambda: train.AdagradDAOptimizer(0.1, nf.Variable(np.int64(3))),
    "ftrl": lambda: train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
    "ftrl power": lambda: train.FtrlOptimizer(0.1, learning_rate_power=-0.3),
    "rmsprop": lambda: train.RMSPropOptimizer(0.1, momentum=0.5),
    "centered rmsprop": lambda: train.RMSPropOptimizer(0.1, centered=True),
    "proximal gradient descent": lambda: train.ProximalGradientDescentOptimizer(0.1, 0.01, 0.01),
    "proximal adagrad": lambda: train.ProximalAdagradOptimizer(0.1, 0.1, 0.01, 0.01),
    "keras sgd": lambda: keras.SGD(0.1),
    "keras momentum": lambda: keras.SGD(0.1, momentum=0.9),
    "keras nesterov": lambda: keras.SGD(0.1, momentum=0.9, nesterov=True),
    "keras adam, clipped by norm": lambda: keras.Adam(0.1, clipnorm=0.5),
    "keras adam, clipped by value": lambda: keras.Adam(0.1, clipvalue=0.5, amsgrad=True),
    "keras adamax": lambda: keras.Adamax(0.1),
    "keras nadam": lambda: keras.Nadam(0.1, decay=0.5),
    "keras rmsprop": lambda: keras.RMSprop(0.1),
    "keras centered rmsprop": lambda: keras.RMSprop(0.1, momentum=0.5, centered=True),
    "keras adagrad": lambda: keras.Adagrad(keras.schedules.ExponentialDecay(0.5, 2, 0.5)),
    "keras adadelta": lambda: keras.Adadelta(0.5),
    "keras ftrl": lambda: keras.Ftrl(0.1),
}
GPU = "/gpu:0"


def after_steps(make, device):
    """Variables of two dtypes and of sparse gradients, then the optimizer's, after three steps."""
    with nf.device(device):
        dense = nf.Variable(np.arange(6, dtype=np.float32).reshape(3, 2) / 3)
        bound = nf.Variable(np.array([0.5, -1.0]), constraint=lambda x: nf.clip_by_value(x, -0.9, 0.9))
        sparse = nf.Variable(np.arange(8, dtype=np.float32).reshape(4, 2) / 4)
        optimizer = make()
        for k in range(3):
            g = nf.constant(np.float32([[1, -1], [0.5, 0], [2, 3]]) * (k + 1))
            rows = nf.IndexedSlices(nf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), nf.constant([2, 0, 2]),
                                    (4, 2))
            h = nf.constant(np.array([0.3, -0.4]))
            optimizer.apply_gradients([(g, dense), (h, bound), (rows, sparse)])
    return [dense, bound, sparse], optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_the_cpu(name):
    expected, on_cpu = after_steps(OPTIMIZERS[name], "/cpu:0")
    found, on_gpu = after_steps(OPTIMIZERS[name], GPU)
    for v in found:
        assert v.device.endswith("GPU:0")
        for slot in on_gpu.get_slot_names():
            assert on_gpu.get_slot(v, slot).device == v.device
    for a, b in zip([*found, *on_gpu.variables()], [*expected, *on_cpu.variables()], strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=1e-6, err_msg=b.name)


def launches(monkeypatch):
    """The names of the kernels that are launched from here on."""
    names, launch = [], type(backend.current()).launch

    def noted(self, kernel, *args):
        names.append(kernel.__name__)
        launch(self, kernel, *args)
    monkeypatch.setattr(type(backend.current()), "launch", noted)
    return names


def test_parameters_of_one_call_are_changed_together(monkeypatch):
    with nf.device(GPU):
        variables = [nf.Variable(np.ones(n, np.float32)) for n in (2, 3, 4, 5)]
        gradients = [nf.ones_like(v) for v in variables]
        adam = nf.train.AdamOptimizer(0.1)
        adam.apply_gradients(zip(gradients, variables, strict=True))
        names = launches(monkeypatch)
        adam.apply_gradients(zip(gradients, variables, strict=True))
    assert len(names) == 1
    assert "adam" in names[0]


def test_a_variable_met_twice_takes_one_step_after_the_other():
    found = []
    for device in ("/cpu:0", GPU):
        with nf.device(device):
            v, momentum = nf.Variable([1.0]), nf.train.MomentumOptimizer(0.1, 0.5)
            momentum.apply_gradients([(nf.constant([1.0]), v), (nf.constant([2.0]), v)])
            found.append(v.numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)


def test_gradients_of_other_devices_are_brought():
    with nf.device(GPU):
        v = nf.Variable([1.0, 2.0])
        rows = nf.Variable([[1.0], [2.0]])
    on_cpu = nf.Variable([3.0])
    sgd = nf.train.GradientDescentOptimizer(1.0)
    slices = nf.IndexedSlices(nf.constant([[1.0]]), nf.constant([1]), (2, 1))
    sgd.apply_gradients([(nf.constant([1.0, 1.0]), v), (nf.constant([1.0]).gpu(1), on_cpu), (slices, rows)])
    assert v.numpy().tolist() == [0.0, 1.0]
    assert on_cpu.numpy().tolist() == [2.0]
    assert rows.numpy().tolist() == [[1.0], [1.0]]
    assert on_cpu.device.endswith("CPU:0")


def test_a_tensor_read_before_a_step_keeps_its_value():
    with nf.device(GPU):
        v = nf.Variable([1.0, 2.0])
        before = v.read_value()
        nf.train.GradientDescentOptimizer(1.0).apply_gradients([(nf.constant([1.0, 1.0]), v)])
    assert before.numpy().tolist() == [1.0, 2.0]
    assert v.numpy().tolist() == [0.0, 1.0]


def test_hyper_parameters_may_be_anywhere():
    with nf.device(GPU):
        rate, step = nf.Variable(0.5), nf.Variable(np.int64(4))
        v = nf.Variable(1.0)
        sgd = nf.train.GradientDescentOptimizer(rate)
        sgd.apply_gradients([(nf.constant(1.0), v)], global_step=step)
        assert (v.numpy(), step.numpy()) == (0.5, 5)
        adam = nf.keras.optimizers.Adam(rate)
        adam.iterations = step
        adam.apply_gradients([(nf.constant(1.0), v)])
        assert (adam.iterations.numpy(), adam.iterations.dtype) == (6, nf.int64)
        adam.lr = 0.25
        assert rate.numpy() == 0.25


def test_minimize_reaches_the_bottom():
    with nf.device(GPU):
        v = nf.Variable([3.0, -2.0])
        momentum = nf.train.MomentumOptimizer(0.2, 0.1)
        for _ in range(20):
            momentum.minimize(lambda: nf.reduce_sum(v * v))
    assert np.abs(v.numpy()).max() < 1e-2


def test_wrong_gradients_are_refused_as_on_the_cpu():
    with nf.device(GPU):
        v = nf.Variable([1.0, 2.0])
        sgd = nf.train.GradientDescentOptimizer(1.0)
        with pytest.raises(nf.errors.InvalidArgumentError, match="shape"):
            sgd.apply_gradients([(nf.constant([1.0]), v)])
        with pytest.raises(nf.errors.InvalidArgumentError, match="cast it first"):
            sgd.apply_gradients([(nf.constant(np.array([1.0, 1.0])), v)])
    assert v.numpy().tolist() == [1.0, 2.0]


def test_moving_averages_live_with_their_variables():
    with nf.device(GPU):
        v = nf.Variable([0.0, 8.0])
    ema = nf.train.ExponentialMovingAverage(0.75)
    ema.apply([v])
    v.assign([4.0, 0.0])
    ema.apply([v])
    assert ema.average(v).device == v.device
    assert ema.average(v).numpy().tolist() == [1.0, 6.0]


def test_steps_before_an_error_are_not_left_to_others():
    class Failing(nf.train.GradientDescentOptimizer):
        def _apply_dense(self, g, variable, slots, constants):
            if variable is second:
                raise ArithmeticError
            super()._apply_dense(g, variable, slots, constants)
    with nf.device("/gpu:0"):
        first, second, other = nf.Variable([1.0]), nf.Variable([1.0]), nf.Variable([1.0])
    gradient = nf.constant([1.0])
    with pytest.raises(ArithmeticError):
        Failing(1.0).apply_gradients([(gradient, first), (gradient, second)])
    assert first.numpy() == 0.0, "as on the CPU"
    nf.train.GradientDescentOptimizer(1.0).apply_gradients([(gradient, other)])
    assert (first.numpy(), second.numpy(), other.numpy()) == (0.0, 1.0, 0.0)
