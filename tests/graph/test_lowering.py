"""Ops that run natively in programs: no host call, eager's values and errors, any number of shares."""
import numpy as np
import pytest
from numbaflow.kernels import index, recording
from numbaflow.kernels.recording import NotRecordable, Recorded, table as as_table

import numbaflow as nf
from numbaflow.core import nest, table
from numbaflow.graph.programs import record
from numbaflow.graph.programs.lower import HostCall
from tests.graph.test_every_op import call_of, close, tensors

NATIVE = [
    "conv", "biased_conv", "conv_input_grad", "conv_filter_grad", "max_of_windows", "max_pool_take",
    "max_pool_grad", "mean_of_windows", "avg_pool_grad", "batch_norm_training", "batch_norm_grad",
    "batch_norm_inference", "gather", "gather_grad", "gather_nd", "scatter_nd", "tensor_scatter_add",
    "tensor_scatter_sub", "tensor_scatter_update", "take_along_axis", "put_along_axis",
    "unsorted_segment_sum", "unsorted_segment_mean", "unsorted_segment_max", "unsorted_segment_prod",
    "unsorted_segment_sqrt_n", "tile", "reverse", "roll", "cumsum", "cumprod", "cumulative_logsumexp",
    "sort", "argsort", "top_k", "argmax", "argmin", "lstm_gates", "lstm_gates_grad", "linear_recurrence",
    "matrix_diag", "matrix_diag_part", "diag", "diag_part", "uniform_draw", "normal_draw",
    "truncated_normal_draw", "bernoulli_draw", "dropout_draw", "resized", "resize_grad", "setitem",
    "reverse_sequence", "segment_spread"]


def cases(name):
    """For each sample of an op and dtype: the op as a function, its input tensors, the dtype."""
    op = table.OPS[name]
    for sample in op.samples:
        for dtype in sample.dtypes:
            f, inputs = call_of(op, *sample.make(dtype=dtype))
            yield f, tensors(inputs), dtype


def code(compiled, *values):
    return compiled.get_concrete_function(*values).program.code


@pytest.mark.parametrize("name", NATIVE)
def test_native_ops_make_no_host_call_and_agree_with_eager(name):
    for f, values, dtype in cases(name):
        compiled = nf.function(f)
        close(compiled(*values), f(*values), dtype, name)
        assert not [step for step in code(compiled, *values) if type(step) is HostCall], name


@pytest.mark.parametrize("name", ["conv", "conv_input_grad", "conv_filter_grad", "max_of_windows",
                                  "batch_norm_training", "batch_norm_grad", "gather_grad", "cumsum",
                                  "lstm_gates_grad", "dropout_draw"])
def test_results_are_the_same_bits_for_any_number_of_shares(name, monkeypatch):
    shared = 0
    for f, values, _ in cases(name):
        found = []
        for share in (1, 1 << 60):
            monkeypatch.setattr(record, "SHARE", share)
            compiled = nf.function(lambda *v, f=f: f(*v))
            found.append(nest.flatten(compiled(*values)))
            shared += sum(step.threads > 1 for step in code(compiled, *values))
        for one, other in zip(*found, strict=True):
            np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert shared


# ---- errors
X, PLACES = nf.constant(np.arange(12, dtype="f4").reshape(4, 3)), nf.constant([0, 7, 1])


@pytest.mark.parametrize(("f", "given"), [
    (nf.gather, (X, PLACES)),
    (lambda x, i: nf.gather(x, i, axis=1), (X, PLACES)),
    (nf.gather_nd, (X, nf.constant([[0, 2], [7, 1]]))),
    (lambda x, i: nf.scatter_nd(i, x, (3,)), (nf.constant([1.0, 2.0]), nf.constant([[0], [7]]))),
    (nf.tensor_scatter_add, (X, nf.constant([[0, 3]]), nf.constant([1.0]))),
    (lambda x, i: nf.take_along_axis(x, i, 0), (nf.constant([1.0, 2.0]), nf.constant([-1, 0]))),
    (lambda x, i: nf.unsorted_segment_sum(x, i, 3), (nf.constant([1.0, 2.0]), nf.constant([0, 3]))),
    (lambda x, i: nf.reduce_sum(nf.gather(x * 2.0, i) + 1.0), (X, PLACES)),
], ids=["gather", "gather an axis", "gather_nd", "scatter_nd", "tensor_scatter_add", "take_along_axis",
        "segments", "within"])
def test_native_ops_raise_what_eager_raises(f, given):
    compiled = nf.function(lambda *v: f(*v))
    with pytest.raises(ValueError, match=r"\d") as eager:
        f(*given)
    for _ in range(2):
        with pytest.raises(type(eager.value)) as native:
            compiled(*given)
        assert str(native.value) == str(eager.value)
    assert not [step for step in code(compiled, *given) if type(step) is HostCall]


def test_a_program_that_failed_runs_again():
    f = nf.function(lambda x, i: nf.gather(x, i) * 2.0)
    for _ in range(3):
        with pytest.raises(IndexError, match="index 7"):
            f(X, PLACES)
        assert f(X, nf.constant([3, 0, 1])).numpy().tolist() == (2.0 * X.numpy()[[3, 0, 1]]).tolist()


# ---- epilogues
def layer(first):
    def f(x, w, b):
        y = nf.nn.conv2d(x, w, strides=1, padding="SAME", data_format="NCHW" if first else "NHWC")
        return nf.nn.relu(nf.nn.bias_add(y, b, "NCHW" if first else "NHWC"))
    return f


@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
def test_bias_and_relu_move_into_the_convolution(first):
    rng = np.random.default_rng(0)
    values = [nf.constant(rng.normal(size=s)) for s in ((2, 5, 5, 5), (3, 3, 5, 4), (4,))]
    f = layer(first)

    def gradients(*v):
        with nf.GradientTape() as tape:
            tape.watch(v)
            y = f(*v)
            total = nf.reduce_sum(y * y)
        return y, tape.gradient(total, v)
    compiled = nf.function(gradients)
    close(compiled(*values), gradients(*values), "float64", "biased")
    names = [node.op.name for node in compiled.get_concrete_function(*values).program.graph.nodes]
    assert "biased_conv" in names
    assert "conv" not in names


def test_a_sum_that_is_needed_elsewhere_stays():
    rng = np.random.default_rng(1)
    values = [nf.constant(rng.normal(size=s)) for s in ((1, 5, 5, 2), (3, 3, 2, 4), (4,))]

    def f(x, w, b):
        y = nf.nn.conv2d(x, w, strides=1, padding="SAME")
        return y, nf.nn.relu(y + b), nf.nn.relu(y * b)
    close(nf.function(f)(*values), f(*values), "float64", "shared")


# ---- what a recording refuses
@pytest.mark.parametrize("use", [
    lambda x: x + 1, lambda x: x[0], lambda x: x.sum(), lambda x: x[x], lambda x: np.where(x, 1, 2), bool,
    list, int, lambda x: x.ctypes, lambda x: x.flat, lambda x: np.stack([x, x]),
    lambda x: index.coordinates(x, x, x)])
def test_a_launch_that_looks_at_values_is_not_recorded(use):
    with pytest.raises(NotRecordable):
        use(np.zeros(3, np.int64).view(Recorded))


def test_tables_are_kept_and_other_arrays_are_not():
    array = np.arange(3)
    assert not recording.is_table(array)
    assert recording.is_table(as_table(array))
    assert not recording.is_table(array.copy())
