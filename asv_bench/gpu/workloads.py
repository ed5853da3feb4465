"""The workloads in numbaflow: each makes what one call of the row does, on the device of the scope."""
import importlib.metadata
import os
import platform
from functools import partial

import numpy as np
import rows

import numbaflow as nf

_made: dict = {}                # name -> sizes -> a call without arguments


def workload(*names):
    """Register a maker under a name; under several, it gets the name's number first."""
    def register(make):
        for number, name in enumerate(names):
            _made[name] = partial(make, number) if len(names) > 1 else make
        return make
    return register


# ---- what worker.py asks of a library
def describe(device, tf32):
    """Versions, CUDA's, and why the device can't be used, or None; `tf32` is for PyTorch."""
    missing = None
    if device == "gpu" and not nf.test.is_gpu_available():
        missing = "no GPU: it takes an NVIDIA GPU with its driver, and pip install 'numbaflow[cuda]'"
    names = ("numbaflow", "numpy", "numba", "numba-cuda", "cupy-cuda13x", "cupy-cuda12x")
    versions = {"python": platform.python_version()} | {name: _version(name) for name in names}
    return {"missing": missing, "versions": {name: v for name, v in versions.items() if v},
            "cuda": None if missing or not _real(device) else _cuda()}


def make(name, column, sizes, device):
    """The call of a row, which runs under the device's scope."""
    with nf.device(f"/{device}:0"):
        call = _made[name](sizes) if name != "copy" else _copy(sizes, device)

    def run():
        with nf.device(f"/{device}:0"):
            return call()
    return run


def synchronize(device):
    """Wait until the device has done all that was launched."""
    if device == "gpu":
        from numbaflow.kernels.cuda import backend
        backend.current().synchronize()


def as_numpy(value):
    return value.numpy()


def release(device):
    """Give the device back the memory of workloads that are over."""
    if _real(device):
        import cupy
        cupy.get_default_memory_pool().free_all_blocks()


def _real(device):
    return device == "gpu" and os.environ.get("NUMBA_ENABLE_CUDASIM") != "1"


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cuda():
    import cupy
    number = cupy.cuda.runtime.runtimeGetVersion()
    return f"{number // 1000}.{number % 1000 // 10}"


# ---- memory
def _copy(sizes, device):
    """The device's own copy, by no kernel: the measure of all that is bound by memory."""
    x = rows.uniform(sizes.plane)
    if device == "cpu":
        return x.copy
    from numbaflow.kernels.cuda import backend
    there = backend.current()
    x = there.from_host(x)
    return lambda: there.from_device(x)


@workload("add")
def _(sizes):
    x, y = nf.constant(rows.uniform(sizes.plane)), nf.constant(rows.uniform(sizes.plane, 1))
    return lambda: x + y


UNARY = {
    "scale": lambda x: x * 1.5,
    "gelu": nf.nn.gelu,
    "tanh": nf.tanh,
    "sum_all": nf.reduce_sum,
    "sum_rows": lambda x: nf.reduce_sum(x, axis=1),
    "sum_columns": lambda x: nf.reduce_sum(x, axis=0),
    "max_all": nf.reduce_max,
    "softmax_8192": nf.nn.softmax,
}


@workload(*UNARY)
def _(number, sizes):
    function, x = list(UNARY.values())[number], nf.constant(rows.uniform(sizes.plane))
    return lambda: function(x)


@workload("softmax_1024")
def _(sizes):
    x = nf.constant(rows.uniform(sizes.lines))
    return lambda: nf.nn.softmax(x)


# ---- products
@workload("matmul_guide")
def _(sizes):
    first = nf.constant(rows.normal((sizes.product, sizes.product)))

    def measure():
        x = first
        for _ in range(sizes.products):
            x = nf.matmul(x, x)
        return x.numpy()
    return measure


@workload("matmul_1000", "matmul_4096", "matmul_2048_float64")
def _(number, sizes):
    n = (sizes.product, sizes.large, sizes.double)[number]
    dtype = np.float64 if number == 2 else np.float32
    a, b = (nf.constant(rows.normal((n, n), seed, dtype)) for seed in (0, 1))
    return lambda: nf.matmul(a, b)


@workload("conv", "conv_to_input", "conv_to_filter")
def _(number, sizes):
    images, filters, g = map(nf.constant, rows.convolved(sizes))
    how = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    return (lambda: nf.nn.conv2d(images, filters, **how),
            lambda: nf.nn.conv2d_backprop_input(sizes.images, filters, g, **how),
            lambda: nf.nn.conv2d_backprop_filter(images, sizes.filters, g, **how))[number]


@workload("launch")
def _(sizes):
    x, step = nf.constant(rows.uniform((2, 2))), nf.constant(rows.uniform((2, 2), 1))

    def chain():
        y = x
        for _ in range(sizes.chain):
            y = y + step
        return y
    return chain


# ---- training steps
def _step(model, optimizer, images, classes, compiled):
    labels = nf.constant(rows.labels(images[0], classes))
    images = nf.constant(rows.normal(images))

    def step():
        with nf.GradientTape() as tape:
            loss = nf.losses.sparse_softmax_cross_entropy(labels, model(images, training=True))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss
    step()                      # variables and slots are made once, outside of what is compiled
    return nf.function(step) if compiled else step


@workload("mnist_eager", "mnist_compiled")
def _(compiled, sizes):
    layers = nf.keras.layers
    model = nf.keras.Sequential([
        layers.Conv2D(16, [3, 3], activation="relu"),
        layers.Conv2D(16, [3, 3], activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10),
    ])
    return _step(model, nf.train.AdamOptimizer(), sizes.digits, 10, compiled)


@workload("resnet50_eager", "resnet50_compiled")
def _(compiled, sizes):
    model = _resnet(sizes)
    return _step(model, nf.train.MomentumOptimizer(0.01, 0.9), sizes.photos, sizes.classes, compiled)


def _resnet(sizes):
    """The network of keras.applications.ResNet50, of logits, with stages of any size."""
    layers = nf.keras.layers

    def conv(x, filters, size, stride=1):
        return layers.BatchNormalization()(layers.Conv2D(filters, size, strides=stride, padding="same")(x))

    def block(x, filters, stride, projected):
        relu = layers.Activation("relu")
        y = relu(conv(relu(conv(x, filters, 1, stride)), filters, 3))
        shortcut = conv(x, 4 * filters, 1, stride) if projected else x
        return relu(layers.Add()([conv(y, 4 * filters, 1), shortcut]))

    image = nf.keras.Input(sizes.photos[1:])
    x = layers.Conv2D(sizes.stages[0][0], 7, strides=2)(layers.ZeroPadding2D(3)(image))
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    for filters, blocks, stride in sizes.stages:
        for k in range(blocks):
            x = block(x, filters, stride if k == 0 else 1, projected=k == 0)
    return nf.keras.Model(image, layers.Dense(sizes.classes)(layers.GlobalAveragePooling2D()(x)))
