"""Symbolic values: an op that is given one hands its call over, with all of its arguments."""
import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core.symbolic import Symbolic, SymbolicMet


class Noted(Symbolic):
    """A value that notes what it was given to."""

    def _take_call(self, face, arguments):
        return face.op.name, arguments


X = Noted()


@pytest.mark.parametrize(("call", "name", "expected"), [
    (lambda: nf.exp(X), "exp", {"x": X}), (lambda: X + 1.0, "add", {"x": X, "y": 1.0}),
    (lambda: 1.0 - X, "subtract", {"x": 1.0, "y": X}), (lambda: -X, "negative", {"x": X}),
    (lambda: nf.matmul([[1.0]], X, transpose_b=True), "matmul", {"a": [[1.0]], "b": X, "transpose_b": True}),
    (lambda: nf.concat([[1.0], X], 0), "concat", {"values": [[1.0], X], "axis": 0}),
    (lambda: nf.reduce_sum(X, -1, keepdims=True), "reduce_sum", {"input_tensor": X, "axis": -1,
                                                                 "keepdims": True}),
    (lambda: X > 0.0, "greater", {"x": X, "y": 0.0})])
def test_an_op_hands_over_its_call(call, name, expected):
    for _ in range(2):                      # the first call writes the face
        op, arguments = call()
        assert op == name
        assert {key: arguments[key] for key in expected} == expected
        rest = {key: value for key, value in arguments.items() if key not in {*expected, "name"}}
        assert not any(value for value in rest.values())


@pytest.mark.parametrize("other", [nf.constant(2.0), nf.Variable(2.0), np.float32(2.0), 2])
def test_it_meets_anything_from_either_side(other):
    assert (other * X)[1]["y"] is X
    assert (X * other)[1]["x"] is X


def test_equality_is_identity():
    assert X == X
    assert Noted() != X
    assert X in [1, X]
    assert len({X, X}) == 1


def test_what_is_no_op_says_that_there_is_no_value():
    with pytest.raises(SymbolicMet, match="is symbolic: it has no value yet"):
        nf.convert_to_tensor(X)
