"""Compiled functions on a GPU: call after call they give what the CPU gives, and eager execution."""
import numpy as np
import pytest
from numbaflow.kernels.cuda import backend

import numbaflow as nf

layers = nf.keras.layers
train, keras = nf.train, nf.keras.optimizers
GPU = "/gpu:0"
X = np.float32([1.5, -2.0, 0.5])
IMAGES = np.random.default_rng(0).normal(size=(2, 6, 6, 1)).astype(np.float32)
ROWS = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
STEPS = np.random.default_rng(2).normal(size=(2, 3, 2)).astype(np.float32)


def assert_same(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        a, b = [v.numpy() if hasattr(v, "numpy") else np.asarray(v) for v in (a, b)]
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


# ---- steps of training
TRAINING = {
    "gradient descent": (lambda: train.GradientDescentOptimizer(0.1), None, ROWS),
    "adam": (lambda: train.AdamOptimizer(0.1), None, ROWS),
    "adam of keras": (lambda: keras.Adam(0.1), None, ROWS),
    "momentum of keras": (
        lambda: keras.SGD(keras.schedules.ExponentialDecay(0.1, 2, 0.5), momentum=0.9), None, ROWS),
    "ftrl": (lambda: train.FtrlOptimizer(0.1), None, ROWS),
    "embedding": (lambda: train.AdagradOptimizer(0.1),
                  lambda: [layers.Embedding(5, 2), layers.Flatten(), layers.Dense(1)],
                  np.array([[1, 2], [2, 3]])),
    "batch normalization": (
        lambda: train.MomentumOptimizer(0.1, 0.9),
        lambda: [layers.Dense(3, use_bias=False), layers.BatchNormalization(), layers.Dense(1)], ROWS),
    "dropout": (lambda: train.GradientDescentOptimizer(0.1),
                lambda: [layers.Dense(4), layers.Dropout(0.5), layers.Dense(1)], ROWS),
    "convolution": (lambda: train.MomentumOptimizer(0.1, 0.9),
                    lambda: [layers.Conv2D(2, 3), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(1)],
                    IMAGES),
    "lstm": (lambda: train.GradientDescentOptimizer(0.1), lambda: [layers.LSTM(2), layers.Dense(1)], STEPS),
}


def trained(name, device, compiled=True):
    """Losses of four steps, weights and the optimizer's variables."""
    optimizer, make, x = TRAINING[name]
    nf.set_random_seed(3)
    with nf.device(device):
        model = nf.keras.Sequential(make() if make else [layers.Dense(3, activation="tanh"), layers.Dense(1)])
        model.build((None, *x.shape[1:]))
        rule = optimizer()

        def step(x):
            with nf.GradientTape() as tape:
                y = model(x, training=True)
                loss = nf.reduce_mean(y * y)
            variables = model.trainable_variables
            rule.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            return loss
        step = nf.function(step) if compiled else step
        losses = [step(nf.constant(x)) for _ in range(4)]
    return losses, [*model.weights, *rule.variables()]


@pytest.mark.parametrize("name", TRAINING)
def test_training_steps(name):
    losses, state = trained(name, GPU)
    expected, on_cpu = trained(name, "/cpu:0")
    assert_same([*losses, *state], [*expected, *on_cpu])
    assert {t.device[-5:] for t in losses} == {"GPU:0"}
    if name != "dropout":                       # (whose draws follow the order of calls)
        eager, of_eager = trained(name, GPU, compiled=False)
        assert_same([*losses, *state], [*eager, *of_eager])


def test_captured_steps_write_parameters_where_they_lie(monkeypatch):
    names, launch = [], type(backend.current()).launch

    def noted(self, kernel, *args):
        names.append(kernel.__name__)
        launch(self, kernel, *args)
    monkeypatch.setattr(type(backend.current()), "launch", noted)
    with nf.device(GPU):
        variables = [nf.Variable(np.ones(n, np.float32)) for n in (5, 6, 7, 8)]
        momentum = train.MomentumOptimizer(0.1, 0.5)

        @nf.function
        def step(x):
            with nf.GradientTape() as tape:
                loss = nf.add_n([nf.reduce_sum(v * v) for v in variables]) * x
            momentum.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            return loss
        for _ in range(3):
            names.clear()
            loss = step(nf.constant(0.5))
    if backend.SIMULATED:
        assert sum("copy" in name for name in names) <= 3           # the argument, the result
    np.testing.assert_allclose(loss.numpy(), 13.0 * 0.76**2, rtol=1e-4)


# ---- control flow, calls of the host, draws
def halves(a):
    return nf.cond(nf.reduce_sum(a) > 0.5, lambda: nf.reduce_sum(a * 2.0), lambda: nf.reduce_sum(a * a))


def powers(a):
    return nf.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, s * a), [nf.constant(0), a])[1]


def grown(a):
    return nf.while_loop(lambda s: nf.reduce_sum(s * s) < 50.0, lambda s: [s * 1.5], [a])


FUNCTIONS = {
    "cond": halves,
    "the other branch": lambda a: halves(-a) + halves(a),
    "switch": lambda a: nf.switch_case(nf.cast(a[2] * 4.0, nf.int32),
                                       [lambda: a, lambda: -a, lambda: a * 3.0]),
    "while_loop": powers,
    "while_loop of values": grown,
    "map_fn": lambda a: nf.map_fn(lambda v: v * v + 1.0, a),
    "scan": lambda a: nf.scan(lambda c, v: c * 0.5 + v, a),
    "py_function": lambda a: nf.py_function(lambda v: v * v, [a], nf.float32, shape=[3]) * a,
    "py_func": lambda a: nf.py_func(np.sign, [a], nf.float32, shape=[3]) + a,
    "draws": lambda a: a + nf.random_normal([3]),
    "constants": lambda a: a * nf.constant([1.0, 2.0, 3.0]) + nf.reduce_sum(a),
    "values that decide a shape": lambda a: nf.boolean_mask(a, a > 0.0) * 2.0,
    "an argument as result": lambda a: (a, a[None], nf.transpose(a[None] * 2.0)),
}
NO_GRADIENT = {"py_func", "values that decide a shape"}


def called(function, device):
    nf.set_random_seed(3)
    with nf.device(device):
        return [t for _ in range(3) for t in _flat(function(nf.constant(X)))]


def _flat(found):
    return list(found) if isinstance(found, (tuple, list)) else [found]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_calls(name):
    expected = called(FUNCTIONS[name], "/cpu:0")
    assert_same(called(nf.function(FUNCTIONS[name]), GPU), expected)
    assert_same(called(FUNCTIONS[name], GPU), expected)


def gradients_of(function, device):
    nf.set_random_seed(3)
    found = []
    with nf.device(device):
        for _ in range(3):
            x = nf.constant(X)
            with nf.GradientTape() as outer:
                outer.watch(x)
                with nf.GradientTape() as tape:
                    tape.watch(x)
                    y = _flat(function(x))
                g = tape.gradient(y, x)
            found += [*y, g, outer.gradient(g, x)]
    return [t for t in found if t is not None]


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in NO_GRADIENT])
def test_gradients_of_calls(name):
    function = FUNCTIONS[name]
    assert_same(gradients_of(nf.function(function), GPU), gradients_of(nf.function(function), "/cpu:0"))
    assert_same(gradients_of(function, GPU), gradients_of(function, "/cpu:0"))


# ---- variables
def test_variables_that_calls_and_users_change():
    def run(device):
        with nf.device(device):
            v, w, count = nf.Variable([1.0, 2.0]), nf.Variable([5.0, 5.0]), nf.Variable(0)

            @nf.function
            def step(a):
                count.assign_add(1)
                v.assign(v * 2.0 + a)
                w.assign(v)
                return v + w, v.read_value()
            found, one = [], nf.constant([1.0, 1.0])
            for _ in range(4):
                found += step(one)
            v.assign([0.0, 0.0])
            found += step(one)
            kept = v.read_value()
            found += step(one)
            w.assign_add([1.0, 1.0])
            v.scatter_nd_add([[1]], [3.0])
            found += step(one)
            return [*found, kept, v, w, count]
    assert_same(run(GPU), run("/cpu:0"))


def test_variables_of_the_cpu_that_a_call_only_reads_are_copied_anew_when_they_change():
    with nf.device("/cpu:0"):
        rate = nf.Variable(2.0)

    @nf.function
    def scaled(x):
        return x * rate
    x = nf.constant([1.0, 2.0]).gpu()
    for value in (2.0, 3.0, 3.0, 4.0, 5.0):
        rate.assign(value)
        assert scaled(x).numpy().tolist() == [value, 2.0 * value]
    assert rate.device.endswith("CPU:0")
    assert scaled(nf.constant([1.0])).device.endswith("CPU:0")


def test_variables_of_the_cpu_that_a_call_assigns_move():
    total = nf.Variable(0.0)

    @nf.function
    def add(x):
        total.assign_add(nf.reduce_sum(x))

    @nf.function
    def doubled(x):
        return x + total * 2.0
    assert doubled(nf.constant(1.0)).numpy() == 1.0
    assert doubled(nf.constant(1.0)).numpy() == 1.0
    for k in range(1, 5):
        add(nf.constant([1.0, 2.0]).gpu())
        assert total.numpy() == 3.0 * k
    assert total.device.endswith("GPU:0")
    assert doubled(nf.constant(1.0)).numpy() == 25.0
    add(nf.constant([1.0]).gpu(1))
    assert total.device.endswith("GPU:1")
    add(nf.constant([1.0]).gpu(0))
    assert total.numpy() == 14.0


def test_arguments_of_other_devices():
    @nf.function
    def add(x, y):
        return x + y
    x, y = nf.constant([1.0]), nf.constant([2.0]).gpu(1)
    for _ in range(3):
        z = add(x, y)
        assert (z.numpy().tolist(), z.device[-5:]) == ([3.0], "GPU:1")
    with nf.device(GPU):
        assert add(x, y).device.endswith("GPU:0")
    with nf.device("/cpu:0"):
        z = add(x, y)
        assert (z.numpy().tolist(), z.device[-5:]) == ([3.0], "CPU:0")
    assert add(x, x).device.endswith("CPU:0")


def test_a_call_in_the_scope_of_the_cpu_runs_where_its_variables_are():
    with nf.device(GPU):
        v = nf.Variable([1.0, 2.0])

    @nf.function
    def double():
        v.assign(v * 2.0)
        return v.read_value()
    with nf.device("/cpu:0"):
        for k in (2.0, 4.0, 8.0):
            assert double().numpy().tolist() == [k, 2.0 * k]


def test_a_tensor_of_a_gpu_is_a_constant_of_the_graph():
    weights = nf.constant([1.0, 2.0]).gpu()

    @nf.function
    def weighted(x):
        return x * weights
    for _ in range(3):
        assert weighted(nf.constant([3.0, 4.0])).numpy().tolist() == [3.0, 8.0]


def test_automatic(automatic):
    v = nf.Variable([1.0, 2.0])

    @nf.function
    def step(x):
        v.assign_add(x)
        return nf.reduce_sum(v * v)
    assert v.device.endswith("GPU:0")
    assert [step(nf.constant([1.0, 1.0])).numpy() for _ in range(3)] == [13.0, 25.0, 41.0]
    assert step(np.float32([1.0, 1.0])).device.endswith("GPU:0")
