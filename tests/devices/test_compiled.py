"""Every op of the table compiled for GPUs that are not there, and what its kernels take."""
import contextlib
import os
from pathlib import Path

import pytest
from numbaflow.kernels.cuda import backend

import numbaflow as nf
from numbaflow.core import nest, table
from numbaflow.core.dtypes import DIFFERENTIABLE
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.faces import parameter_names

pytestmark = pytest.mark.ptx
OPS = sorted((op for op in table.OPS.values() if op.function.__module__.startswith("numbaflow.")),
             key=lambda op: op.name)
FOUND: dict = {}                # (kernel, types, architecture) -> its resources


@pytest.fixture(scope="module", autouse=True)
def written():
    """What the kernels take, added to the file that $NUMBAFLOW_CUDA_RESOURCES names.

    A line has the kernel, its types, the architecture, and registers, local bytes, bytes spilled and shared.
    """
    yield
    path = os.environ.get("NUMBAFLOW_CUDA_RESOURCES")
    if path:
        lines = ["\t".join(map(str, (*key, *what))) for key, what in sorted(FOUND.items())]
        with Path(path).open("a") as file:              # (each worker of the run has its share)
            file.write("\n".join(lines) + "\n")


def moved(value):
    if isinstance(value, list):
        return [moved(v) for v in value]
    return value.gpu() if isinstance(value, nf.Tensor) else value


def launch(compiler, op, sample, dtype):
    """Launch all that an op launches; what it reads from the device it may not like."""
    for compiler.answer, backward in (1, True), (0, True):
        with contextlib.suppress(InvalidArgumentError):
            run(op, sample, dtype, backward)
            return
    run(op, sample, dtype, backward=False)


def run(op, sample, dtype, backward):
    """Forward and backward, for what they launch."""
    args, kwargs = sample.make(dtype=dtype)
    given = [nest.map_structure(nf.constant, v) if x in op.inputs else v
             for x, v in zip(parameter_names(op.function), args, strict=False)]
    given = [moved(v) for v in given]
    sources = [t for t in nest.flatten(given) if isinstance(t, nf.Tensor) and t.dtype.dtype in DIFFERENTIABLE]
    with nf.GradientTape() as tape:
        tape.watch(sources)
        y = [v for v in nest.flatten(op.face(*given, **kwargs)) if v.dtype.dtype in DIFFERENTIABLE]
    if backward and op.rules and any(op.rules.values()) and y and sources and sample.grad:
        tape.gradient(y, sources)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_compiles_without_spills(op):
    with backend.using(backend.Compiler()) as compiler:
        for k, sample in enumerate(op.samples):
            for dtype in sample.dtypes if k == 0 else sample.dtypes[:1]:
                launch(compiler, op, sample, dtype)
    for (function, types, capability), code in compiler.compiled.items():
        key = function.__name__, ", ".join(map(str, types)), "sm_{}{}".format(*capability)
        r = code.resources
        FOUND[key] = r.registers, r.local, r.spilled, r.shared
        assert r.spilled == 0, f"{key} spills {r.spilled} bytes"
