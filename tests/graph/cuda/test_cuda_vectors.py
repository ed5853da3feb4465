"""Fused kernels for a GPU that read and write vectors of 16 bytes, run in the simulator."""
import numpy as np
import pytest
from numbaflow.kernels.cuda import backend

from ..fusing import Writer
from .launching import adam, launch, nodes_of
from .test_cuda_source import check, normal, placed


def test_a_chain_over_contiguous_operands_goes_by_vectors():
    w = Writer()
    x, y = w.input((7, 41)), w.input((7, 41))
    text, = check(w, [w.relu(w.add(x, y))], [normal(7, 41), normal(7, 41)])
    assert text.startswith('''def fused_add_relu(x0, x1, y0, n):
    """add, relu"""
    at, step, whole = cuda.grid(1), cuda.gridsize(1), n // 4
    while at < whole:
        v0 = uint32(at * 4)
        i0a = v0
''')
    assert text.endswith('''        t3d = float32(relu(t2d))
        store(y0, v0, (t3a, t3b, t3c, t3d))
        at += step
    at = whole * 4 + cuda.grid(1)
    if at < n:
        i0 = uint32(at)
        t0 = x0[i0]
        t1 = x1[i0]
        t2 = t0 + t1
        t3 = float32(relu(t2))
        y0[i0] = t3
''')


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 8, 63, 70])
def test_vectors_and_what_is_left(n, beside):
    w = Writer()
    x, y = w.input((n,)), w.input((n,))
    outputs = [w.multiply(w.add(x, y), x), w.less(w.add(x, y), y)]
    texts = check(w, outputs, [normal(n), np.abs(normal(n))], kernels=None, beside=beside)
    assert all(("store(" in text) == (n > 1 and not beside) for text in texts)


@pytest.mark.parametrize(("shape", "row", "by_vectors"), [
    ((5, 12), (12,), True), ((5, 12), (5, 1), True), ((5, 12), (), True), ((5, 13), (13,), False),
    ((2, 5, 8), (5, 8), True)])
def test_rows_of_whole_vectors(shape, row, by_vectors):
    w = Writer()
    x, y = w.input(shape), w.input(row)
    text, = check(w, [w.relu(w.add(w.multiply(x, y), y))], [normal(*shape), np.abs(normal(*row))])
    assert ("store(" in text) == by_vectors


@pytest.mark.parametrize(("given", "lanes"), [("float64", 2), ("int8", 4), ("bool", 4)])
def test_vectors_are_of_what_the_widest_operand_has_in_16_bytes(given, lanes):
    w = Writer()
    x, y = w.input((37,), given), w.input((37,))
    text, = check(w, [w.multiply(w.cast(x, dtype="float32"), y)], [normal(37).astype(given), normal(37)])
    assert f"n // {lanes}\n" in text


def test_results_in_the_memory_of_inputs():
    node, = nodes_of(lambda w, x, y: w.relu(w.add(w.multiply(x, y), x)), (3, 20), (20,))
    gpu = backend.current()
    x, y = gpu.from_host(normal(3, 20)), gpu.from_host(normal(20))
    made, = launch(node, [x, y], [x])
    assert "store(x0, " in made.source
    wanted = np.maximum(normal(3, 20) * normal(20) + normal(3, 20), 0)
    np.testing.assert_allclose(gpu.to_host(x), wanted, rtol=1e-5)


def test_several_results():
    node, = nodes_of(adam, *[(37,)] * 4, *[((), "float64")] * 4)
    gpu = backend.current()
    values = [np.abs(normal(37)) + k for k in range(4)] + [np.array(v) for v in (0.1, 0.9, 0.99, 1e-8)]
    by_vectors, by_elements = [], []
    for found, beside in ((by_vectors, False), (by_elements, True)):
        given = [placed(v, beside) for v in values]
        results = [gpu.empty((37,), "float32") for _ in range(3)]
        made, = launch(node, given, results)
        assert made.source.count("store(") == (0 if beside else 3)
        found += [gpu.to_host(r) for r in results]
    np.testing.assert_array_equal(by_vectors, by_elements)
