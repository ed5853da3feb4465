"""Graphs as JSON: every op with its attributes comes back, and what was changed by hand is refused."""
import copy
import json

import numpy as np
import pytest

from numbaflow.core import nest, table
from numbaflow.core.abstract import Traced
from numbaflow.core.errors import DataLossError, NotFoundError
from numbaflow.core.tape import tracing
from numbaflow.graph import by_value
from numbaflow.graph.concrete import Concrete
from numbaflow.graph.tools.encoding import decode, encode
from numbaflow.graph.tools.portable import VERSION, Reader, Writer
from numbaflow.graph.trace import Trace

OPS = sorted((op for op in table.OPS.values() if op.function.__module__.startswith("numbaflow.")),
             key=lambda op: op.name)


def traced(op, sample):
    """The function of an op on a sample's arrays, and the arrays."""
    args, kwargs = sample.make(dtype="float32" if "float32" in sample.dtypes else sample.dtypes[0])
    arrays, trace = [], Trace("sampled")

    def given(a):
        if isinstance(a, list) and a and all(isinstance(v, np.ndarray) for v in a):
            return [given(v) for v in a]
        if not isinstance(a, np.ndarray):
            return a
        arrays.append(a)
        return trace.input(a.shape, a.dtype)
    with tracing(trace):
        names = list(op.inputs)
        args = [given(a) if k < len(names) else a for k, a in enumerate(args)]
        inputs = list(trace.graph.inputs)
        found = [t for t in nest.flatten(op.face(*args, **kwargs)) if isinstance(t, Traced)]
    graph = trace.graph
    graph.inputs, graph.outputs = inputs, [t._value for t in found]
    made = Concrete("sampled", graph, (), (), ())
    made.by_value = trace.unknowns is not None
    return made, arrays


def copied(concrete, changed=None):
    """The function after a way through JSON, on which `changed` may do something."""
    writer = Writer("a test")
    number = writer.function(concrete)
    written = json.loads(json.dumps(writer.functions, allow_nan=False))
    if changed is not None:
        changed(written[number]["nodes"])
    unknowns = json.loads(json.dumps(writer.written_unknowns))
    return Reader("a test", written, writer.variables, writer.arrays.__getitem__, unknowns).function(number)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_every_op_comes_back_and_gives_the_same(op):
    for sample in op.samples:
        concrete, arrays = traced(op, sample)
        if not arrays:
            continue
        tensors = [table.face("identity")(a) for a in arrays]
        again = copied(concrete)
        assert [n.op for n in again.graph.nodes] == [n.op for n in concrete.graph.nodes]
        run = by_value.Interpreted if concrete.by_value else lambda made: made.interpreted
        for got, want in zip(run(again)(tensors), run(concrete)(tensors), strict=True):
            np.testing.assert_array_equal(got.numpy(), want.numpy(), err_msg=op.name)


class _Store:
    arrays: list = []

    def array(self, value):
        if isinstance(value, int):
            return self.arrays[value]
        self.arrays.append(value)
        return len(self.arrays) - 1


@pytest.mark.parametrize("value", [
    None, True, 3, 2.5, float("inf"), -float("inf"), 1e-320, "text", 2 - 3j, ..., slice(1, None, -2),
    (1, (2, [3, "x"])), {"a": 1, 2: (3,)}, np.dtype("int8"), np.float32(0.1), np.int64(2**62), np.bool_(True),
    np.complex64(1 + 2j), (None, slice(None), ...)], ids=repr)
def test_values_come_back_as_they_were(value):
    got = decode(json.loads(json.dumps(encode(value, _Store()), allow_nan=False)), _Store())
    assert got == value
    assert type(got) is type(value)


def test_nan_and_arrays_come_back():
    store = _Store()
    assert np.isnan(decode(encode(float("nan"), store), store))
    for array in (np.arange(6).reshape(2, 3), np.array(np.nan, np.float32), np.array(1 - 2j)):
        got = decode(json.loads(json.dumps(encode(array, store), allow_nan=False)), store)
        np.testing.assert_array_equal(got, array)
        assert got.dtype == array.dtype


def test_python_objects_are_refused_by_name():
    with pytest.raises(TypeError, match=r"the Python function .*json.*dumps|function dumps"):
        encode(json.dumps, _Store())


def product():
    trace = Trace("product")
    with tracing(trace):
        a, b = trace.input((2, 3), np.dtype("float32")), trace.input((3, 4), np.dtype("float32"))
        c = table.face("matmul")(a, b)
    return Concrete.of_trace(trace, [a, b], [c])


def _set(key, value):
    def change(nodes):
        nodes[-1][key] = value
    return change


@pytest.mark.parametrize(("change", "error", "says"), [
    (_set("op", "matmull"), NotFoundError, "op 'matmull' is not in the table"),
    (_set("op", "add"), DataLossError, "its attributes are"),
    (_set("attributes", {}), DataLossError, "its attributes are none; matmul has transpose_a"),
    (_set("inputs", [0, 7]), DataLossError, "no number 7 among 2"),
    (_set("inputs", [1, 0]), DataLossError, "do not match"),
    (_set("inputs", [0]), DataLossError, "it has 1 inputs, the op takes a, b"),
    (_set("outputs", [[{"tuple": [2, 5]}, "float32"]]), DataLossError, r"outputs are float32\[2, 4\], not"),
    (_set("outputs", [[{"tuple": [2, 4]}, "float64"]]), DataLossError, "not float64"),
    (_set("outputs", 3), DataLossError, "node 2, matmul"),
    (_set("sizes", [2]), DataLossError, "lists of inputs do not fit"),
    (lambda nodes: nodes[-1]["attributes"].update(transpose_a={"eval": "1"}), DataLossError,
     "written as 'eval'"),
    (lambda nodes: nodes[0].update(primitive="mystery"), DataLossError, "no primitive 'mystery'"),
    (lambda nodes: nodes.pop(), DataLossError, "no number 2"),
], ids=lambda part: part if isinstance(part, str) else "")
def test_what_was_changed_by_hand_is_refused(change, error, says):
    with pytest.raises(error, match=says):
        copied(product(), change)


def test_a_graph_is_written_once_and_equal_arrays_too():
    writer, concrete = Writer("a test"), product()
    assert writer.function(concrete) == writer.function(concrete) == 0
    assert writer.array(np.arange(3)) == writer.array(np.arange(3)) == 0
    assert writer.array(np.arange(3).astype("int32")) == 1
    assert VERSION == 1
    assert copy.copy(writer.functions) == writer.functions
