"""The text of fused kernels and the machine code made of it."""
import re
import subprocess
import sys

import numpy as np
import pytest
from numbaflow.kernels import optimizers
from numbaflow.kernels.jit import EXACT, loop
from numbaflow.kernels.machine import Compiled
from numbaflow.kernels.program import KERNEL

from numbaflow.graph import ir
from numbaflow.graph.fusing.codegen import instruction
from numbaflow.graph.fusing.fuse import fuse

from .fusing import CALL, Writer, fused_nodes


def gelu(w, shape):
    x = w.input(shape)
    inner = w.multiply(w.add(x, w.multiply(w.multiply(w.multiply(x, x), x), 0.044715)), 0.7978845608)
    return w.multiply(w.multiply(x, 0.5), w.add(w.tanh(inner), 1.0))


def bias_relu(w, shape):
    return w.relu(w.add(w.input(shape), w.input(shape[1:])))


def softmax(w, shape):
    return w.softmax(w.input(shape))


def adam(w, shape):
    values = [*[w.input(shape) for _ in range(4)], *[w.input((), "float64") for _ in range(4)]]
    specs = [(shape, np.dtype("float32"))] * 3
    return w.graph.add(ir.UPDATE, values, {"rule": optimizers.adam}, specs).outputs


def instructions(make, shape):
    w = Writer()
    made = make(w, shape)
    w.graph.outputs = list(made) if isinstance(made, tuple) else [made]
    fuse(w.graph)
    node, = fused_nodes(w.graph)
    arrays = [np.empty(v.shape, v.dtype) for v in (*node.inputs, *node.outputs)]
    return instruction(node, arrays[:len(node.inputs)], arrays[len(node.inputs):])


def test_the_text_reads_like_the_ops():
    made, = instructions(bias_relu, (40, 100))
    assert made.source == '''def fused_add_relu(args, lo, hi):
    """add, relu"""
    wide_vectors()
    x0 = at_float32(args[0])
    x1 = at_float32(args[1])
    y0 = at_float32(args[2])
    x0_i0 = args[3]
    y0_i0 = args[4]
    n0 = args[5]
    for i0 in range(lo, hi):
        x0_at = i0 * x0_i0
        y0_at = i0 * y0_i0
        for j0 in range(n0):
            t0 = x0[x0_at + j0]
            t1 = x1[j0]
            t2 = t0 + t1
            t3 = relu(t2)
            y0[y0_at + j0] = t3
'''


@pytest.mark.parametrize("make", [gelu, bias_relu, softmax, adam])
def test_sizes_are_arguments(make):
    (one, *_), (other, *_) = instructions(make, (40, 100)), instructions(make, (41, 101))
    assert one.source == other.source
    assert one.function is other.function


def test_means_of_different_counts_are_one_kernel():
    def mean(w, shape):
        return w.reduce_mean(w.input(shape))
    (one,), (other,) = instructions(mean, (40, 100)), instructions(mean, (400,))
    assert one.function is other.function


@pytest.mark.parametrize(("make", "packed"), [
    (gelu, "v(mul|fmadd...)ps"), (bias_relu, "vaddps"), (adam, "vsqrtps"), (softmax, "v(mul|fmadd...)ps")])
def test_loops_are_vector_code(make, packed):
    made = instructions(make, (64, 1000))[0]
    assert isinstance(made.function, Compiled)
    assert re.search(rf"\b{packed}\s[^\n]*%[yz]mm", made.function.assembly())


def test_both_compilers_agree():
    made, = instructions(gelu, (3000,))
    by_numba = loop(made.function.function, KERNEL, EXACT)
    x, results = np.random.default_rng(0).standard_normal(3000).astype("float32"), []
    numbers = np.array([0.044715, 0.7978845608], "float32")
    for address in (made.function.address, by_numba.address):
        y = np.empty_like(x)
        cells = np.array([a.ctypes.data for a in (x, numbers[0:], numbers[1:], y)])
        CALL(address)(cells.ctypes.data, 0, 3000)
        results.append(y)
    np.testing.assert_allclose(*results, rtol=3e-7)


_SECOND = """
import numpy as np, sys
import numbaflow as nf
from numbaflow.kernels import machine
machine.module_of = None                # what is not found on the disk can't be made
sys.path.insert(0, {root!r})
from tests.graph.test_codegen import gelu, softmax, adam, instructions
for make in (gelu, softmax, adam):
    print(instructions(make, (40, 100))[0].source)
"""


def test_a_second_process_finds_kernels_on_the_disk(pytestconfig):
    texts = [instructions(make, (40, 100))[0].source for make in (gelu, softmax, adam)]
    made = subprocess.run([sys.executable, "-c", _SECOND.format(root=str(pytestconfig.rootpath))],
                          capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert made.stdout == "".join(f"{text}\n" for text in texts)
