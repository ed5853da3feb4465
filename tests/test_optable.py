"""Every op of the table, enumerated: an op is tested by being declared."""
import inspect
import operator

import numpy as np
import pytest
from numbaflow.kernels import jit
from numbaflow.kernels.elementwise import LARGE

import numbaflow as nf
from numbaflow.core import faces, nest, table
from numbaflow.core.abstract import Abstract
from numbaflow.core.dtypes import DIFFERENTIABLE
from numbaflow.core.infer import BY_VALUE
from numbaflow.core.shape import Extent
from numbaflow.testing import check_forward, check_op

OPS = sorted((op for op in table.OPS.values() if op.function.__module__.startswith("numbaflow.")),
             key=lambda op: op.name)
DIFFERENTIABLE_OPS = [op for op in OPS if op.rules and any(op.rules.values())]
COORDINATES = {"gather_nd", "scatter_nd", "tensor_scatter_add", "tensor_scatter_sub", "tensor_scatter_update"}
ELEMENTWISE = [op for op in OPS if op.kernel is not None]


def every(ops):
    return pytest.mark.parametrize("op", ops, ids=lambda op: op.name)


def numeric(values):
    return [v for v in values if isinstance(v, np.ndarray)]


@every(OPS)
def test_value_and_gradients_agree_with_the_reference(op):
    check_op(op, order=2)


@every(OPS)
def test_arguments_that_are_no_contiguous_arrays(op):
    for sample in op.samples:
        args, kwargs = sample.make(dtype="float64")
        strided = [a.copy("F") if isinstance(a, np.ndarray) else a for a in args]
        spaced = [np.repeat(a, 2, axis=-1)[..., ::2] if isinstance(a, np.ndarray) and a.ndim else a
                  for a in args]
        expected = nest.flatten(op.face(*args, **kwargs))
        for variant in (strided, spaced):
            for got, want in zip(nest.flatten(op.face(*variant, **kwargs)), expected, strict=True):
                np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-12, atol=1e-14, err_msg=op.name)


@every(OPS)
def test_inputs_are_left_as_they_were(op):
    for sample in op.samples:
        args, kwargs = sample.make(dtype="float64")
        tensors = [nf.constant(a) if isinstance(a, np.ndarray) else a for a in args]
        before = [t.numpy() if isinstance(t, nf.Tensor) else None for t in tensors]
        with nf.GradientTape() as tape:
            for t in tensors:
                if isinstance(t, nf.Tensor) and t.dtype.dtype in DIFFERENTIABLE:
                    tape.watch(t)
            y = [v for v in nest.flatten(op.face(*tensors, **kwargs)) if v.dtype.dtype in DIFFERENTIABLE]
        sources = [t for t in tensors if isinstance(t, nf.Tensor)]
        if op.rules and y and sample.grad and sources:
            tape.gradient(y, sources)
        for t, b in zip(tensors, before, strict=True):
            if b is not None:
                np.testing.assert_array_equal(t.numpy(), b, err_msg=op.name)


@every(DIFFERENTIABLE_OPS)
def test_gradients_keep_shape_and_dtype(op):
    for sample in op.samples:
        if not sample.grad:
            continue
        for dtype in sample.dtypes:
            args, kwargs = sample.make(dtype=dtype)
            tensors = [nf.constant(a) if isinstance(a, np.ndarray) else a for a in args]
            sources = [t for t in tensors if isinstance(t, nf.Tensor) and t.dtype.dtype in DIFFERENTIABLE]
            with nf.GradientTape() as tape:
                tape.watch(sources)
                y = [v for v in nest.flatten(op.face(*tensors, **kwargs)) if v.dtype.dtype in DIFFERENTIABLE]
            if not y or not sources:
                continue
            for x, g in zip(sources, tape.gradient(y, sources), strict=True):
                if g is not None:
                    assert tuple(g.shape) == tuple(x.shape), op.name
                    assert g.dtype == x.dtype, op.name


@every([op for op in ELEMENTWISE if "f" in op.kernel.kinds])
def test_elementwise_on_empty_scalar_and_broadcast_operands(op):
    letters = [op.kernel.letter(k) for k in range(len(op.inputs))]

    def operand(letter, shape):
        return np.ones(shape, bool) if letter == "?" else np.full(shape, 0.5, np.float32)
    for shapes, result in (([(0, 3)] * 3, (0, 3)), ([()] * 3, ()), ([(2, 1), (3,), (1, 3)], None),
                           ([(4, 1, 5), (3, 1), ()], None)):
        given = [operand(letter, s) for letter, s in zip(letters, shapes, strict=False)]
        expected = result if result is not None else np.broadcast_shapes(*[a.shape for a in given])
        assert tuple(op.face(*given).shape) == expected, op.name


@every(ELEMENTWISE)
def test_large_operands_take_the_threaded_path_to_the_same_result(op, monkeypatch):
    n, part = 70_000, 10_000
    assert part < LARGE < n
    monkeypatch.setattr(jit, "PARALLEL_WORK", n)
    key = {"b": bool, "i": np.int32, "f": np.float32}[next(k for k in "fib" if k in op.kernel.kinds)]
    rng = np.random.default_rng(0)
    step = 0.2 if key is np.float32 else 1
    given = [rng.integers(0, 2, n).astype(bool) if op.kernel.letter(k) == "?" else
             (rng.integers(1, 5, n) * step).astype(key) for k in range(len(op.inputs))]
    whole = op.face(*given).numpy()
    parts = np.concatenate([op.face(*[a[i:i + part] for a in given]).numpy() for i in range(0, n, part)])
    np.testing.assert_array_equal(whole, parts, err_msg=op.name)


@every(OPS)
def test_a_wrong_argument_gets_an_error_that_names_the_op(op):
    plain = [x for x in op.inputs if x not in op.variadic]
    if not plain:
        pytest.skip("no tensor inputs")
    args, kwargs = op.samples[0].make()
    bad = [object() if k == 0 else a for k, a in enumerate(args)]
    if op.inputs[0] in op.variadic or next(iter(inspect.signature(op.face).parameters)) != op.inputs[0]:
        bad = [object(), *args[1:]]
    with pytest.raises((TypeError, ValueError), match=op.name):
        op.face(*bad, **kwargs)


# ---- shapes without values
def prepared(op, args, kwargs):
    """The arrays that an op's function gets for these arguments, and the attributes by name."""
    bound = inspect.signature(op.function).bind(*args, **kwargs)
    bound.apply_defaults()
    tensors = faces.adapt(op, [bound.arguments[x] for x in op.inputs])
    tensors = [faces.adapt_list(op, t) if x in op.variadic else t
               for x, t in zip(op.inputs, tensors, strict=True)]
    if len(op.promote) > 1:
        tensors = faces.unify(op, tensors)
    if op.floats and not op.variadic:
        tensors = faces.make_float(op, tensors)
    arrays = [[v._data for v in t] if isinstance(t, list) else t._data for t in tensors]
    return arrays, {name: bound.arguments[name] for name in op.attributes}


def launched(op, arrays, attributes):
    """The outputs and residuals of an op's function, or of its ufunc."""
    if op.kernel is not None:
        key = arrays[op.kernel.key].dtype
        return [np.asarray(op.kernel[key](*arrays))]
    found = op.function(**dict(zip(op.inputs, arrays, strict=True)), **attributes)
    kept = []
    if op.residuals:
        found, *kept = found
    return [np.asarray(a) for a in (*(found if op.outputs is not None else [found]), *kept)]


def abstract(value, shape=tuple):
    if isinstance(value, list):
        return [abstract(v, shape) for v in value]
    return Abstract(shape(value.shape), value.dtype)


class Known(Extent):
    """An extent that is no int but computes and compares like the one it has."""

    def __init__(self, n):
        self.n = n

    def __hash__(self):
        return hash(self.n)

    def __repr__(self):
        return f"<{self.n}>"


def _number(value):
    return value.n if isinstance(value, Known) else value


for _name in ("add", "sub", "mul", "floordiv"):
    _plain = getattr(operator, _name)
    setattr(Known, f"__{_name}__", lambda a, b, f=_plain: Known(f(a.n, _number(b))))
    setattr(Known, f"__r{_name}__", lambda a, b, f=_plain: Known(f(_number(b), a.n)))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _plain = getattr(operator, _name)
    setattr(Known, f"__{_name}__", lambda a, b, f=_plain: f(a.n, _number(b)))
Known.__neg__ = lambda a: Known(-a.n)


def test_every_op_says_the_shape_of_its_result():
    assert [op.name for op in OPS if op.kernel is None and op.infer_rule is None] == []


def depends_on_values(op, attributes):
    return (op.infer_rule is BY_VALUE or op.name == "segment_slots"
            or (op.name == "sequence_mask" and attributes["maxlen"] is None))


@every(OPS)
def test_shapes_and_dtypes_are_known_without_values_or_said_to_be_unknown(op):
    for sample in op.samples:
        for dtype in sample.dtypes:
            arrays, attributes = prepared(op, *sample.make(dtype=dtype))
            if depends_on_values(op, attributes):
                with pytest.raises(nf.errors.InvalidArgumentError, match=f"{op.name}: {BY_VALUE}"):
                    op.infer([abstract(a) for a in arrays], attributes)
                continue
            found = op.infer([abstract(a) for a in arrays], attributes)
            made = [(a.shape, a.dtype) for a in launched(op, arrays, attributes)]
            assert found == made, (op.name, sample)
            assert all(type(shape) is tuple for shape, _ in found), op.name


@every([op for op in OPS if op.infer_rule is not BY_VALUE and op.name not in ("segment_slots", "unstack")])
def test_shapes_are_known_for_extents_that_are_no_ints(op):
    def shape(extents):                             # (the number of coordinates is no number of elements)
        k = len(extents) - (op.name in COORDINATES)
        return (*[Known(n) for n in extents[:k]], *extents[k:])
    arrays, attributes = prepared(op, *op.samples[0].make(dtype="float32"))
    found = op.infer([abstract(a, shape) for a in arrays], attributes)
    made = [(a.shape, a.dtype) for a in launched(op, arrays, attributes)]
    assert found == made, op.name


@every([op for op in OPS if op.rules is not None])
def test_every_input_has_a_rule_or_an_explicit_none(op):
    assert {x for key in op.rules for x in (key if isinstance(key, tuple) else (key,))} == set(op.inputs)


def test_the_checker_finds_planted_wrong_rules():
    wrong = {"factor": lambda g, y: g * (1.01 - y * y), "sign": lambda g, y: -g * (1.0 - y * y),
             "missing": lambda g: g}
    for name, rule in wrong.items():
        face = nf.elementwise(nf.kernels.scalar.tanh, grads={"x": rule}, reference=np.tanh,
                              samples=[nf.Sample(nf.testing.normal(3, 4))], name=f"planted_{name}")(planted)
        with pytest.raises(AssertionError, match="order 1"):
            check_op(face)
        del table.OPS[f"planted_{name}"]


def planted(x, name=None):
    """tanh with a wrong rule."""


def test_the_checker_finds_a_wrong_second_order():
    @nf.custom_gradient
    def half_right(x):
        y = nf.tanh(x)
        return y, lambda g: g * nf.stop_gradient(1.0 - y * y)
    with pytest.raises(AssertionError, match="order 2"):
        nf.testing.check_gradients(half_right, [np.linspace(-1, 1, 5)])


def test_the_checker_finds_a_wrong_value():
    face = nf.elementwise(nf.kernels.scalar.tanh, grads=None, reference=np.sinh,
                          samples=[nf.Sample(nf.testing.normal(3, 4))], name="planted_value")(planted)
    with pytest.raises(AssertionError):
        check_forward(face.op, face.op.samples[0], "float64")
    del table.OPS["planted_value"]


@pytest.mark.parametrize(("changes", "message"), [
    ({"samples": []}, "samples"), ({"reference": None}, "reference"),
    ({"grads": {"z": lambda g: g}}, "no input"), ({"grads": {"x": lambda g, q: g}}, "asks for 'q'"),
    ({"grads": {}}, "say a rule or None for x"),
])
def test_registration_refuses_incomplete_declarations(changes, message):
    good = {"grads": {"x": lambda g: g}, "reference": np.tanh,
            "samples": [nf.Sample(nf.testing.normal(3))], "name": "planted"}
    with pytest.raises(ValueError, match=message):
        nf.elementwise(nf.kernels.scalar.tanh, **{**good, **changes})(planted)
    assert "planted" not in table.OPS


def test_registration_refuses_a_missing_docstring_and_a_second_op_of_a_name():
    with pytest.raises(ValueError, match="docstring"):
        nf.elementwise(nf.kernels.scalar.tanh, grads=None, reference=np.tanh,
                       samples=[nf.Sample(nf.testing.normal(3))], name="planted")(lambda x, name=None: None)
    with pytest.raises(ValueError, match="there is one already"):
        nf.elementwise(nf.kernels.scalar.tanh, grads=None, reference=np.tanh,
                       samples=[nf.Sample(nf.testing.normal(3))], name="tanh")(planted)
