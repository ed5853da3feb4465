"""What is measured: the rows of the table, their sizes, and the inputs that all libraries get.

Imports NumPy alone: it is read under the interpreter of each library.
"""
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SECONDS = {"s": 1.0, "ms": 1e3, "us": 1e6, "us an op": 1e6}
NUMBAFLOW, EAGER, COMPILED = COLUMNS = ("numbaflow", "torch_eager", "torch_compile")


class Sizes(NamedTuple):
    """How large the inputs are."""

    plane: tuple = (8192, 8192)
    lines: tuple = (65536, 1024)
    product: int = 1000
    products: int = 200
    large: int = 4096
    double: int = 2048
    images: tuple = (32, 56, 56, 64)
    filters: tuple = (3, 3, 64, 64)
    chain: int = 1000
    digits: tuple = (32, 28, 28, 1)
    photos: tuple = (32, 224, 224, 3)
    classes: int = 1000
    stages: tuple = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))    # (filters, blocks, first stride)

    @property
    def elements(self):
        return self.plane[0] * self.plane[1]

    @property
    def convolution(self):
        """Floating-point operations of one convolution or one of its gradients, borders taken as full."""
        return 2 * int(np.prod(self.images[:3])) * int(np.prod(self.filters))


FULL = Sizes()
TINY = Sizes(plane=(5, 7), lines=(7, 5), product=5, products=3, large=6, double=4, images=(1, 4, 5, 2),
             filters=(3, 3, 2, 3), chain=3, digits=(2, 7, 7, 1), photos=(2, 9, 9, 3), classes=3,
             stages=((2, 1, 1), (3, 1, 2)))


class Row(NamedTuple):
    """One measurement.

    what: what a call does, at the full sizes.
    unit: of the times.
    traffic: bytes that a call can't avoid to read and write, of sizes; or
    flop: floating-point operations of a call, of sizes.
    ops: how many ops a call makes, where the time is that of one of them.
    goal: ("share", s): at least the share s of the copy's bandwidth; (column, r): at most r times its time.
    compared: whether results of the libraries must agree.
    columns: who is measured.
    slow: left out of quick runs unless it is named.
    """

    what: str
    unit: str = "us"
    traffic: Callable | None = None
    flop: Callable | None = None
    ops: Callable = lambda sizes: 1
    goal: tuple | None = None
    compared: bool = True
    columns: tuple = COLUMNS
    slow: bool = False


def _passes(count, **how):
    """A row of so many passes over the memory of a plane."""
    return {"traffic": lambda sizes: 4 * count * sizes.elements, "goal": ("share", 0.85), **how}


def _product(size, **how):
    return {"flop": lambda sizes: 2 * getattr(sizes, size) ** 3, **how}


ROWS = {
    "copy": Row("copy of 2**26 float32 by the device's memcpy", traffic=lambda sizes: 8 * sizes.elements,
                compared=False, columns=(NUMBAFLOW, EAGER)),
    "add": Row("x + y, 2**26 float32", **_passes(3)),
    "scale": Row("x * 1.5, 2**26 float32", **_passes(2)),
    "gelu": Row("gelu by erf, 2**26 float32", **_passes(2)),
    "tanh": Row("tanh, 2**26 float32", **_passes(2)),
    "sum_all": Row("sum of 8192 x 8192 float32", **_passes(1)),
    "sum_rows": Row("sum of each row of 8192 x 8192 float32", **_passes(1)),
    "sum_columns": Row("sum of each column of 8192 x 8192 float32", **_passes(1)),
    "max_all": Row("maximum of 8192 x 8192 float32", **_passes(1)),
    "softmax_1024": Row("softmax of 65536 rows of 1024 float32", **_passes(2)),
    "softmax_8192": Row("softmax of 8192 rows of 8192 float32", **_passes(2)),
    "matmul_guide": Row("the guide's measure: x = matmul(x, x) 200 times, 1000 x 1000 float32, and x.numpy()",
                        unit="ms", flop=lambda sizes: 2 * sizes.product ** 3 * sizes.products,
                        goal=(EAGER, 1.1), compared=False, columns=(NUMBAFLOW, EAGER)),
    "matmul_1000": Row("matmul, 1000 x 1000 float32", **_product("product", goal=(EAGER, 1.1))),
    "matmul_4096": Row("matmul, 4096 x 4096 float32", **_product("large")),
    "matmul_2048_float64": Row("matmul, 2048 x 2048 float64", **_product("double")),
    "conv": Row("conv2d, 32 x 56 x 56 x 64, 3 x 3 to 64, float32", flop=lambda sizes: sizes.convolution),
    "conv_to_input": Row("its gradient to the images", flop=lambda sizes: sizes.convolution),
    "conv_to_filter": Row("its gradient to the filter", flop=lambda sizes: sizes.convolution),
    "launch": Row("x + y, 2 x 2, in a chain of 1000", unit="us an op", ops=lambda sizes: sizes.chain,
                  goal=(EAGER, 1.0), columns=(NUMBAFLOW, EAGER)),
    "mnist_eager": Row("training step of the guide's MNIST model, 32 images, Adam, eager",
                       compared=False, columns=(NUMBAFLOW, EAGER)),
    "mnist_compiled": Row("the same step compiled", goal=(COMPILED, 1.0), compared=False),
    "resnet50_eager": Row("training step of ResNet-50, 32 x 224 x 224 x 3, momentum, eager", unit="ms",
                          compared=False, columns=(NUMBAFLOW, EAGER), slow=True),
    "resnet50_compiled": Row("the same step compiled", unit="ms", compared=False, slow=True),
}


def chosen(names, quick):
    """The rows that begin with one of the names, or all; the copy is among them where bandwidth is."""
    unknown = [name for name in names if not any(row.startswith(name) for row in ROWS)]
    if unknown:
        raise ValueError(f"no row begins with {', '.join(unknown)}; the rows are {', '.join(ROWS)}")
    rows = {name: row for name, row in ROWS.items()
            if any(map(name.startswith, names)) or (not names and not (quick and row.slow))}
    return {"copy": ROWS["copy"], **rows} if any(row.traffic for row in rows.values()) else rows


# ---- inputs
def uniform(shape, seed=0):
    """Numbers from -1 to 3, so that sums of many are no small differences."""
    return np.random.default_rng(seed).random(shape, np.float32) * np.float32(4) - np.float32(1)


def normal(shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape, dtype)


def labels(count, classes):
    return np.random.default_rng(1).integers(0, classes, count)


def convolved(sizes):
    """Images, filter, and the gradient of the output."""
    return (normal(sizes.images), normal(sizes.filters, 1),
            normal((*sizes.images[:3], sizes.filters[3]), 2))
