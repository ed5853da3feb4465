"""The workloads in PyTorch: eager, and with torch.compile around what users put it around.

A maker gets `compile`, which is torch.compile or gives back what it gets, and the layout of images where it
has them: both layouts are tried eagerly, and the faster one is measured.
"""
import platform
import time
from functools import partial

import rows
import torch
from torch import nn

F = torch.nn.functional
LAYOUTS = (torch.contiguous_format, torch.channels_last)
_made: dict = {}                # name -> (compile, sizes, device) -> a call without arguments
_with_layout: dict = {}         # name -> (compile, sizes, device, layout) -> a call without arguments
_fastest: dict = {}             # (name, sizes) -> the faster layout


def peer(*names, table=_made):
    """Register a maker under a name; under several, it gets the name's number first."""
    def register(make):
        for number, name in enumerate(names):
            table[name] = partial(make, number) if len(names) > 1 else make
        return make
    return register


# ---- what worker.py asks of a library
def describe(device, tf32):
    """Versions, and why the device can't be used, or None."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True
    missing = None
    if device == "gpu" and not torch.cuda.is_available():
        missing = "torch.cuda.is_available() is False"
    cudnn = torch.backends.cudnn.version() if torch.backends.cudnn.is_available() else None
    versions = {"torch": torch.__version__, "torch's CUDA": torch.version.cuda, "torch's cuDNN": cudnn,
                "torch's python": platform.python_version()}
    return {"missing": missing, "versions": {name: v for name, v in versions.items() if v}, "cuda": None}


def make(name, column, sizes, device):
    """The call of a row."""
    compile = torch.compile if column == rows.COMPILED else _as_it_is
    if name in _made:
        return _made[name](compile, sizes, _name(device))
    if (name, sizes) not in _fastest:
        _fastest[name, sizes] = min(LAYOUTS, key=lambda layout: _seconds(name, sizes, device, layout))
    return _with_layout[name](compile, sizes, _name(device), _fastest[name, sizes])


def synchronize(device):
    """Wait until the device has done all that was launched."""
    if device == "gpu":
        torch.cuda.synchronize()


def as_numpy(value):
    return value.detach().cpu().numpy()


def release(device):
    """Give the device back the memory of workloads that are over, and forget what was compiled."""
    torch.compiler.reset()
    if device == "gpu":
        torch.cuda.empty_cache()


def _seconds(name, sizes, device, layout, calls=5):
    call = _with_layout[name](_as_it_is, sizes, _name(device), layout)
    for _ in range(3):
        call()
    synchronize(device)
    start = time.perf_counter()
    for _ in range(calls):
        call()
    synchronize(device)
    return time.perf_counter() - start


def _as_it_is(function):
    return function


def _name(device):
    return "cuda" if device == "gpu" else "cpu"


def _plane(sizes, device, seed=0):
    return torch.tensor(rows.uniform(sizes.plane, seed), device=device)


# ---- memory
@peer("copy")
def _(compile, sizes, device):
    x = _plane(sizes, device)
    y = torch.empty_like(x)
    return lambda: y.copy_(x)


@peer("add")
def _(compile, sizes, device):
    x, y, add = _plane(sizes, device), _plane(sizes, device, 1), compile(lambda x, y: x + y)
    return lambda: add(x, y)


UNARY = {
    "scale": lambda x: x * 1.5,
    "gelu": F.gelu,
    "tanh": torch.tanh,
    "sum_all": torch.sum,
    "sum_rows": lambda x: torch.sum(x, 1),
    "sum_columns": lambda x: torch.sum(x, 0),
    "max_all": torch.max,
    "softmax_8192": lambda x: torch.softmax(x, -1),
}


@peer(*UNARY)
def _(number, compile, sizes, device):
    body, x = list(UNARY.values())[number], _plane(sizes, device)
    function = compile(lambda x: body(x))
    return lambda: function(x)


@peer("softmax_1024")
def _(compile, sizes, device):
    x = torch.tensor(rows.uniform(sizes.lines), device=device)
    function = compile(lambda x: torch.softmax(x, -1))
    return lambda: function(x)


# ---- products
@peer("matmul_guide")
def _(compile, sizes, device):
    first = torch.tensor(rows.normal((sizes.product, sizes.product)), device=device)

    def measure():
        x = first
        for _ in range(sizes.products):
            x = torch.matmul(x, x)
        return x.cpu()
    return measure


@peer("matmul_1000", "matmul_4096", "matmul_2048_float64")
def _(number, compile, sizes, device):
    n = (sizes.product, sizes.large, sizes.double)[number]
    dtype = "float64" if number == 2 else "float32"
    a, b = (torch.tensor(rows.normal((n, n), seed, dtype), device=device) for seed in (0, 1))
    product = compile(lambda a, b: torch.matmul(a, b))
    return lambda: product(a, b)


@peer("conv", "conv_to_input", "conv_to_filter", table=_with_layout)
def _(number, compile, sizes, device, layout):
    def tensor(array, *order):
        return torch.tensor(array, device=device).permute(order).contiguous(memory_format=layout)
    images, filters, g = rows.convolved(sizes)
    x, w, dy = tensor(images, 0, 3, 1, 2), tensor(filters, 3, 2, 0, 1), tensor(g, 0, 3, 1, 2)

    def forward(x, w, dy):
        return F.conv2d(x, w, padding="same")

    def backward(x, w, dy):
        wanted = [number == 1, number == 2, False]
        ones = [1, 1]
        return torch.ops.aten.convolution_backward(dy, x, w, None, ones, ones, ones, False, [0, 0], 1,
                                                   wanted)[number - 1]
    function = compile(backward if number else forward)
    return lambda: function(x, w, dy)


@peer("launch")
def _(compile, sizes, device):
    x, step = (torch.tensor(rows.uniform((2, 2), seed), device=device) for seed in (0, 1))

    def chain():
        y = x
        for _ in range(sizes.chain):
            y = y + step
        return y
    return chain


# ---- training steps
def _step(network, optimizer, images, classes, compile, device, layout):
    labels = torch.tensor(rows.labels(images[0], classes), device=device)
    images = torch.tensor(rows.normal(images), device=device).permute(0, 3, 1, 2)
    images = images.contiguous(memory_format=layout)
    forward = compile(lambda images, labels: F.cross_entropy(network(images), labels))
    update = compile(optimizer.step)

    def step():
        loss = forward(images, labels)
        loss.backward()
        update()
        optimizer.zero_grad()
        return loss.detach()
    return step


@peer("mnist_eager", "mnist_compiled", table=_with_layout)
def _(number, compile, sizes, device, layout):
    network = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(),
                            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    network.to(device, memory_format=layout)
    # a step of Adam that is compiled must keep its count on the GPU
    capturable = device == "cuda" and compile is torch.compile
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, capturable=capturable)
    return _step(network, optimizer, sizes.digits, 10, compile, device, layout)


@peer("resnet50_eager", "resnet50_compiled", table=_with_layout)
def _(number, compile, sizes, device, layout):
    network = resnet(sizes).to(device, memory_format=layout)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    return _step(network, optimizer, sizes.photos, sizes.classes, compile, device, layout)


def _conv(inputs, filters, size, stride=1):
    return [nn.Conv2d(inputs, filters, size, stride, padding=size // 2), nn.BatchNorm2d(filters)]


class _Block(nn.Module):
    """Three convolutions, the last four times as wide, beside the input or a projection of it."""

    def __init__(self, inputs, filters, stride, projected):
        super().__init__()
        self.body = nn.Sequential(
            *_conv(inputs, filters, 1, stride), nn.ReLU(), *_conv(filters, filters, 3), nn.ReLU(),
            *_conv(filters, 4 * filters, 1))
        self.shortcut = nn.Sequential(*_conv(inputs, 4 * filters, 1, stride)) if projected else nn.Identity()

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


def resnet(sizes):
    """ResNet-50 where the stages are its own: strides in the first convolution of a block, biases."""
    inputs = sizes.stages[0][0]
    layers = [*_conv(3, inputs, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    for filters, blocks, stride in sizes.stages:
        for k in range(blocks):
            layers.append(_Block(inputs, filters, stride if k == 0 else 1, k == 0))
            inputs = 4 * filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, sizes.classes))
