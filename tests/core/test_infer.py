"""Shapes without values: errors are those of a call with values, and ops without a rule are run on zeros."""
import inspect

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core import table
from numbaflow.core.abstract import Abstract
from numbaflow.core.optable import Op
from numbaflow.core.shape import Extent
from numbaflow.ops.arguments import shape_of


def floats(*shape):
    return np.ones(shape, np.float32)


def places(*shape):
    return np.zeros(shape, np.int64)


TRUTHS, COMPLEX, KEY = np.ones(2, bool), np.ones(2, np.complex64), places(2)

WRONG = {
    "reshape": [(floats(2, 3), (4, 4)), (floats(2, 3), (-1, 4)), (floats(2, 3), (-1, -1)),
                (floats(0, 3), (-1, 0)), (floats(6), (-2, -3))],
    "expand_dims": [(floats(2), 5), (floats(2),)], "squeeze": [(floats(2, 1), 0)],
    "transpose": [(floats(2, 3), [0, 0]), (floats(2, 3), [0]), (floats(2, 3), [0, 5])],
    "broadcast_to": [(floats(2), (3,)), (floats(2, 3), (3,))], "sum_to": [(floats(2, 3), (2,))],
    "reduce_sum": [(floats(2), 3), (floats(2, 2), [0, 0]), (TRUTHS,)], "reduce_mean": [(TRUTHS,)],
    "reduce_max": [(COMPLEX,)], "reduce_all": [(floats(2),)], "reduce_logsumexp": [(COMPLEX,)],
    "argmax": [(floats(2), 1), (floats(),), (COMPLEX,)],
    "concat": [([floats(2, 3), floats(3, 2)], 0), ([floats(2, 3), floats(3)], 0), ([floats(2, 3)], 2),
               ([floats(), floats()], 0)],
    "split": [(floats(4), 3), (floats(4), [1, 2]), (floats(4), 2, 1)],
    "stack": [([floats(2), floats(3)],), ([floats(2)], 3)], "unstack": [(floats(2, 3), 3)],
    "tile": [(floats(2), [1, 2]), (floats(2), [-1])], "add_n": [([floats(2), floats(3)],)],
    "matmul": [(floats(2, 3), floats(4, 5)), (floats(3), floats(3)), (floats(2, 2, 3), floats(3, 3, 2)),
               (floats(2, 3), floats(3, 2), True, False, True), (floats(3), floats(3, 2), True),
               (np.ones((2, 2), bool), np.ones((2, 2), bool))],
    "matrix_diag": [(floats(),)], "matrix_diag_part": [(floats(2),)], "trace": [(floats(2),)],
    "matrix_set_diag": [(floats(2, 2), floats(3))], "diag_part": [(floats(2, 3),)],
    "matrix_band_part": [(floats(2), 0, 0), (floats(2, 2), 5, 0)],
    "matrix_inverse": [(floats(2, 3),), (floats(2),)], "matrix_solve": [(floats(2, 2), floats(3, 1))],
    "matrix_triangular_solve": [(floats(2, 3), floats(3, 1))], "matrix_determinant": [(floats(2, 3),)],
    "slogdet": [(floats(2, 3),)], "cross": [(floats(2), floats(2))], "cholesky": [(floats(2, 3),)],
    "qr": [(floats(2),)], "svd_factors": [(floats(2),)], "self_adjoint_eig": [(floats(2, 3),)],
    "getitem": [(floats(2, 3), (1, 2, 3)), (floats(2, 3), 5), (floats(2, 3), (..., ...)),
                (floats(2, 3), slice(0, 2, 0)), (floats(2, 3), 1.5), (floats(2, 3), [1])],
    "setitem": [(floats(2, 3), floats(2), 0), (floats(2, 3), floats(3), 5)],
    "gather": [(floats(), places(2)), (floats(2, 3), floats(2)), (floats(2, 3), places(2), None, None, 3),
               (floats(2, 3), places(3, 2), None, None, 1, 1)],
    "gather_nd": [(floats(2, 3), places(2, 3)), (floats(2, 3), np.array(1)), (floats(2, 3), floats(2, 1))],
    "scatter_nd": [(places(2, 1), floats(3), (4,)), (places(2, 2), floats(2), (4,)),
                   (floats(2, 1), floats(2), (4,))],
    "tensor_scatter_add": [(floats(3), places(2, 1), floats(3))],
    "take_along_axis": [(floats(2, 3), places(3, 1), 1), (floats(2, 3), floats(2, 1), 1)],
    "put_along_axis": [(floats(2, 3), places(2, 3), 4, (2, 3))],
    "one_hot": [(places(2), -1), (places(2), 3, None, None, 4), (floats(2), 3)],
    "pad": [(floats(2), [[1, 1], [1, 1]]), (floats(2), [[5, 0]], "REFLECT"), (floats(2), [[-1, 0]]),
            (floats(2), [[1, 0]], "WHAT")],
    "reverse": [(floats(2), 1)], "roll": [(floats(2), 1, 1)],
    "reverse_sequence": [(floats(2, 3), places(3), 1), (floats(2, 3), places(2))],
    "softmax": [(floats(),), (floats(2), 3)], "log_softmax": [(floats(2), -3)],
    "sparse_softmax_cross_entropy_with_logits": [(places(3), floats(2, 4))],
    "softmax_cross_entropy": [(floats(2, 3), floats(2, 4))],
    "unsorted_segment_sum": [(floats(3), places(2), 3), (floats(3), places(3), -1),
                             (floats(3), floats(3), 3)],
    "segment_spread": [(floats(2, 3), floats(2))],
    "sort": [(floats(2), 1), (floats(2), 0, "UP"), (COMPLEX,)], "argsort": [(floats(2), 1)],
    "top_k": [(floats(2), 3)], "in_top_k": [(floats(2, 3), places(3), 1)],
    "searchsorted": [(floats(2, 3), floats(3, 3)), (floats(3), floats(3), "middle")],
    "invert_permutation": [(places(2, 2),)], "sequence_mask": [(floats(2), 3)],
    "cumsum": [(floats(2), 1), (TRUTHS,)], "cumulative_logsumexp": [(COMPLEX,)],
    "linear_recurrence": [(floats(2), floats(3))], "complex": [(floats(2), floats(3))],
    "uniform_draw": [((2,), places(3), 0.0, 1.0, "float32")], "categorical_draw": [(floats(2), KEY, 3)],
    "gamma_draw": [((2,), KEY, floats(3), floats(1))], "poisson_draw": [((2,), KEY, floats(3), "float32")],
    "permutation_draw": [(-1, KEY)], "dropout_draw": [(floats(2), places(3), 0.5), (places(2), KEY, 0.5)],
    "layer_norm": [(floats(2), floats(3), floats(3)), (floats(2, 4), floats(3), floats(3))],
    "batch_norm_training": [(floats(2, 4), floats(3), floats(3))], "neighbour_sum": [(floats(2), -1)],
    "batch_norm_inference": [(floats(2, 4), floats(3), floats(3), floats(4), floats(4))],
    "lstm_gates": [(floats(2, 4), floats(2, 4))], "add": [(floats(2), floats(3))], "tanh": [(TRUTHS,)],
}


def abstract(value):
    return [abstract(v) for v in value] if isinstance(value, list) else Abstract(value.shape, value.dtype)


def inferred(op, args):
    """The shapes and dtypes for arguments of which only shape and dtype are looked at."""
    bound = inspect.signature(op.function).bind(*args)
    bound.apply_defaults()
    tensors = [bound.arguments[x] for x in op.inputs]
    return op.infer([abstract(t) for t in tensors], {name: bound.arguments[name] for name in op.attributes})


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_gets_the_error_of_a_call_with_values(name):
    op = table.OPS[name]
    for args in WRONG[name]:
        with pytest.raises(nf.errors.InvalidArgumentError) as with_values:
            op.face(*args)
        with pytest.raises(nf.errors.InvalidArgumentError) as without:
            inferred(op, args)
        assert str(without.value) == str(with_values.value)
        assert isinstance(without.value, IndexError) is isinstance(with_values.value, IndexError)


# ---- ops of users
def documented(function):
    function.__doc__ = "A function of the test."
    return function


def _op(function, **more):
    return Op(function, inputs=["x"], rules=None, reference=function,
              samples=[nf.Sample(nf.testing.normal(3), 2)], **more)


def test_an_op_without_a_rule_is_run_on_zeros():
    op = _op(documented(lambda x, times: np.tile(x, times)))
    assert op.infer([Abstract((3,), np.dtype("f8"))], {"times": 2}) == [((6,), np.dtype("f8"))]


def test_several_outputs_and_residuals_of_an_op_without_a_rule():
    def function(x, times):
        """x several times over, its sum, and what its gradient would keep."""
        return (np.tile(x, times), x.sum()), x * 2
    op = _op(function, outputs=("tiled", "total"), residuals=["double"])
    assert op.infer([Abstract((3,), np.dtype("f4"))], {"times": 2}) == [
        ((6,), np.dtype("f4")), ((), np.dtype("f4")), ((3,), np.dtype("f4"))]


def test_a_rule_gives_names_for_dtypes_and_lists_for_shapes():
    op = _op(documented(lambda x, times: x), infer=lambda x, times: ([times, *x.shape], "int32"))
    assert op.infer([Abstract((3,), np.dtype("f4"))], {"times": 2}) == [((2, 3), np.dtype("i4"))]


def test_a_rule_that_asks_for_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="its infer asks for 'y'; there are x, times"):
        _op(documented(lambda x, times: x), infer=lambda y: y)


# ---- extents known later
class Later(Extent):
    """An extent without a size."""


def test_extents_pass_through_shapes_given_as_attributes():
    n = Later()
    assert shape_of((n, 2, np.int64(3))) == (n, 2, 3)
    assert shape_of([2, n]) == (2, n)
