"""Fused kernels for a GPU, compiled for two architectures; none runs."""
import re

import pytest
from numbaflow.kernels.cuda import backend

from .launching import adam, empty_operands, gelu, launch, loss, nodes_of

pytestmark = pytest.mark.ptx
SCALAR = (), "float64"
CASES = {
    "add and relu": (lambda w, x, y: w.relu(w.add(x, y)), (300, 40), (300, 40)),
    "bias and relu": (lambda w, x, y: w.relu(w.add(x, y)), (300, 40), (40,)),
    "gelu": (gelu, (512, 1024)),
    "adam": (adam, *[(1000,)] * 4, *[SCALAR] * 4),
    "softmax, blocks": (lambda w, x: w.softmax(x), (64, 1000)),
    "softmax, warps": (lambda w, x: w.softmax(x), (64, 100)),
    "softmax of float64": (lambda w, x: w.softmax(x), ((64, 1000), "float64")),
    "loss": (loss, ((64,), "int32"), (64, 1000)),
    "layer norm": (lambda w, *x: w.layer_norm(*x, epsilon=1e-3), (64, 768), (768,), (768,)),
    "its gradient": (lambda w, *x: w.layer_norm_grad(*x), (4096, 768), (4096, 768), (768,), (4096,), (4096,)),
    "sum of squares": (lambda w, x: w.reduce_sum(w.square(x)), (1000, 1000)),
    "column sums": (lambda w, x: w.reduce_sum(w.negative(x), axis=0), (4096, 768)),
    "any": (lambda w, x: w.reduce_any(w.less(x, 1.0)), (1000, 1000)),
    "columns of bools": (lambda w, x: w.reduce_all(w.less(x, 1.0), axis=0), (4096, 10)),
    "int8": (lambda w, x: w.reduce_max(w.add(x, x), axis=0), ((5000, 7), "int8")),
    "uint64": (lambda w, x: w.reduce_prod(w.add(x, x)), ((5000,), "uint64")),
    "complex numbers": (lambda w, x, y: w.reduce_mean(w.multiply(x, y)), ((50, 3), "complex64"),
                        ((3,), "complex64")),
    "complex to float": (lambda w, x: w.cast(x, dtype="float32"), ((50, 3), "complex64")),
}


@pytest.mark.parametrize("name", CASES)
def test_kernels_compile_and_keep_their_values_in_registers(name):
    with backend.using(backend.Compiler()) as compiler:
        for node in nodes_of(*CASES[name]):
            launch(node, *empty_operands(node))
    assert compiler.compiled
    for code in compiler.compiled.values():
        assert code.resources.spilled == 0
        assert code.resources.local == 0
        assert code.resources.registers <= 128


@pytest.mark.parametrize(("name", "wanted"), [("add and relu", {4}), ("bias and relu", {4}), ("gelu", {4}),
                                              ("adam", {4}), ("softmax, blocks", set())])
def test_flat_kernels_use_vectors(name, wanted):
    with backend.using(backend.Compiler(((9, 0),))) as compiler:
        node, = nodes_of(*CASES[name])
        launch(node, *empty_operands(node))
    code, = compiler.compiled.values()
    for access in ("ld", "st"):
        assert {int(n) for n in re.findall(rf"\b{access}\.global\.v(\d)\.f32", code.ptx)} == wanted
