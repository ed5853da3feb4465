"""Every op with a translator, in another runtime: on all samples of the table the same values."""
import inspect

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, NotImplemented as NoKernel

import numbaflow as nf
from numbaflow.core import nest, table
from numbaflow.graph.function import TensorSpec
from numbaflow.onnx import convert
from numbaflow.onnx.writer import TRANSLATORS, Unsupported

# what ONNX has nothing for: op -> a word of the error
REFUSED = {"mean_of_windows": "dilated means", "reverse_sequence": "only along 0 and 1", "cast": "complex"}
# where older onnxruntimes err: NaN, nothing to sum, scalars to repeat; ONNX's own code is asked then
ERRING = {"erf", "erfc", "softmax_cross_entropy", "tile"}
NAN_HAS_NO_PLACE = {"argmax", "argmin"}             # in ONNX


def converted(op, call, arrays):
    """The model, or None for what is refused and what no graph can hold."""
    try:
        return convert(call, [TensorSpec(a.shape, a.dtype) for a in arrays])
    except nf.errors.UnimplementedError as error:
        if REFUSED.get(op.name, "a shape that values decide") in str(error):
            return None
        raise


def by_reference(model, inputs):
    """What ONNX's own implementation gives."""
    named = dict(zip([i.name for i in model.graph.input], inputs, strict=True))
    return ReferenceEvaluator(model).run(None, named)


def run(model, inputs):
    """What a runtime gives; the reference implementation where the runtime lacks a kernel for the dtype."""
    named = dict(zip([i.name for i in model.graph.input], inputs, strict=True))
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                               providers=["CPUExecutionProvider"])
        return session.run(None, named)
    except (NoKernel, Fail):
        return by_reference(model, inputs)


def check(name, found, expected, arrays):
    for got, want in zip(found, expected, strict=True):
        want = want.numpy()
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6, err_msg=f"{name} of {arrays}")


def parts(op, args, kwargs):
    """(function of arrays, arrays) of a call of an op; what is given as arrays becomes inputs."""
    bound = inspect.signature(op.function).bind(*args, **kwargs)
    values = {x: bound.arguments[x] for x in op.inputs if x in bound.arguments}
    rest = {name: value for name, value in bound.arguments.items() if name not in op.inputs}
    arrays = [np.asarray(a) for x in values for a in (values[x] if x in op.variadic else [values[x]])]
    if all(type(v) in (int, float) for v in values.values()):
        arrays = [np.asarray(a, np.float32) for a in arrays]

    def call(*tensors):
        left = iter(tensors)
        given = {x: [next(left) for _ in v] if x in op.variadic else next(left) for x, v in values.items()}
        return nest.flatten(op.face(**given, **rest))
    return call, [a.astype(np.float32) if a.dtype == np.float64 else a for a in arrays]


@pytest.mark.parametrize("name", sorted(TRANSLATORS))
def test_values_agree(name):
    op, tried = table.OPS[name], 0
    for sample in op.samples:
        call, arrays = parts(op, *sample.make(dtype="float32"))
        if any(a.dtype.kind == "c" for a in arrays):
            continue
        if name in NAN_HAS_NO_PLACE and any(np.isnan(a).any() for a in arrays):
            continue
        model = converted(op, call, arrays)
        if model is None:
            continue
        onnx.checker.check_model(model, full_check=True)
        tried += 1
        expected = call(*map(nf.constant, arrays))
        try:
            check(name, run(model, arrays), expected, arrays)
        except (AssertionError, InvalidArgument):
            if name not in ERRING:
                raise
            check(name, by_reference(model, arrays), expected, arrays)
    assert tried


def test_translators_are_of_ops():
    assert set(TRANSLATORS) <= set(table.OPS)
    assert issubclass(Unsupported, nf.errors.UnimplementedError)
