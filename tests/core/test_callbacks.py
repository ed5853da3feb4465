"""Callbacks after ops, and what they say of infinity and NaN."""
import threading

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.contrib import eager as tfe
from numbaflow.core import callbacks, table


@pytest.fixture(autouse=True)
def none_left():
    yield
    tfe.clear_execution_callbacks()
    assert not callbacks.watching()


def plain(tensors):
    return [t.numpy().tolist() for t in tensors]


@pytest.fixture
def seen():
    """What callbacks have been told: op, inputs, attributes, outputs as plain values."""
    told = []

    def tell(op_type, inputs, attrs, outputs, op_name):
        assert op_name is None
        told.append((op_type, plain(inputs), attrs, plain(outputs)))

    tfe.add_execution_callback(tell)
    return told


A = nf.constant([1.0, 2.0])


def test_what_a_callback_is_told(seen):
    assert (2.0 * A).numpy().tolist() == [2, 4]         # a reflected operator
    nf.reduce_sum(A, keepdims=True)
    nf.split(A, 2)
    nf.concat([A, [3.0]], 0)
    nf.add(y=A, x=1.0)
    assert seen[0] == ("multiply", [2.0, [1, 2]], (), [[2, 4]])
    assert seen[1][:2] == ("reduce_sum", [[1, 2]])
    assert dict(zip(seen[1][2][::2], seen[1][2][1::2], strict=True))["keepdims"] is True
    assert seen[1][3] == [[3]]
    assert (seen[2][0], seen[2][3]) == ("split", [[1], [2]])
    assert (seen[3][0], seen[3][1], seen[3][3]) == ("concat", [[1, 2], [3]], [[1, 2, 3]])
    assert seen[4] == ("add", [1.0, [1, 2]], (), [[2, 3]])


def test_operators_of_variables_and_of_faces_that_were_not_written_yet(seen):
    v = nf.Variable([1.0, 4.0])
    assert nf.sqrt(v + 0.0).numpy().tolist() == [1, 2]
    assert [op for op, *_ in seen] == ["add", "sqrt"]


def test_gradients_are_told_of_op_by_op(seen):
    with nf.GradientTape() as tape:
        tape.watch(A)
        y = nf.tanh(A)
    del seen[:]
    inside = tape.gradient(y, A).numpy()
    assert {"multiply", "subtract"} <= {op for op, *_ in seen}
    tfe.clear_execution_callbacks()
    np.testing.assert_allclose(nf.gradients_function(nf.tanh)(A)[0], inside, rtol=1e-6)


def test_plans_and_faces_are_as_before_when_the_last_callback_is_gone():
    nf.gradients_function(nf.tanh)(A)
    face, plan = nf.tanh, next(iter(table.OPS["tanh"].plans.values()))
    code, backward = face.__code__, plan.backward
    tfe.add_execution_callback(lambda *told: None)
    assert face.__code__ is not code
    assert plan.backward is not backward
    tfe.add_execution_callback(lambda *told: None)
    tfe.clear_execution_callbacks()
    assert face.__code__ is code
    assert plan.backward is backward
    tfe.clear_execution_callbacks()
    assert nf.tanh(0.0).numpy() == 0.0


def test_callbacks_run_in_order_and_their_own_ops_call_nothing():
    order = []
    tfe.add_execution_callback(lambda op, inputs, attrs, outputs, name: order.append(("first", op)))
    tfe.add_execution_callback(lambda op, inputs, attrs, outputs, name: order.append(("then", (A + A).shape)))
    A * A
    assert order == [("first", "multiply"), ("then", (2,))]


def test_what_a_callback_raises_comes_from_the_op():
    def refuse(*told):
        raise KeyError("no")

    tfe.add_execution_callback(refuse)
    with pytest.raises(KeyError, match="no"):
        nf.add(A, A)
    tfe.clear_execution_callbacks()
    assert nf.add(A, A).numpy().tolist() == [2, 4]
    with pytest.raises(TypeError, match="expected a function, got int"):
        tfe.add_execution_callback(3)


def test_callbacks_belong_to_their_thread(seen):
    results = []
    thread = threading.Thread(target=lambda: results.append(nf.gradients_function(nf.sin)(A)[0].numpy()))
    thread.start()
    thread.join()
    assert seen == []
    np.testing.assert_allclose(results[0], np.cos(A), rtol=1e-6)


# ---- infinity and NaN
def test_raising():
    with tfe.errstate(inf_or_nan=tfe.ExecutionCallback.RAISE):
        assert nf.log(1.0).numpy() == 0.0
        with pytest.raises(tfe.InfOrNanError) as error:
            nf.log([0.0, -1.0, 1.0])
        assert str(error.value) == "log: its output has 1 infinite and 1 NaN elements of 3"
        assert (error.value.op_type, error.value.value.shape) == ("log", (3,))
        assert isinstance(error.value, ArithmeticError)
    assert np.isnan(nf.log(-1.0).numpy())


def test_the_gradient_that_is_nan_is_found():
    with nf.GradientTape() as tape:
        tape.watch(A)
        y = nf.sqrt(A - 1.0)
    with tfe.errstate(inf_or_nan="raise"), pytest.raises(tfe.InfOrNanError, match="infinite"):
        tape.gradient(y, A)


def test_warning_printing_and_ignoring(capsys):
    with tfe.errstate(inf_or_nan="warn"), pytest.warns(RuntimeWarning, match=r"log: .* 0 infinite and 1 NaN"):
        nf.log(-1.0)
    with tfe.errstate(inf_or_nan="print"):
        nf.divide(A, 0.0)
    assert capsys.readouterr().out == "divide: its output has 2 infinite and 0 NaN elements of 2\n"
    with tfe.errstate(inf_or_nan="raise"), tfe.errstate(inf_or_nan="ignore"):
        nf.log(-1.0)


def test_one_of_several_outputs_is_named():
    with tfe.errstate(inf_or_nan="raise"), pytest.raises(tfe.InfOrNanError, match="split: output 1 of 2"):
        nf.split(nf.constant([1.0, float("nan")]), 2)


def test_looking_for_one_kind_only():
    tfe.add_execution_callback(tfe.nan_callback)
    assert np.isinf(nf.log(0.0).numpy())
    with pytest.raises(tfe.InfOrNanError, match="1 NaN"):
        nf.log(-1.0)
    tfe.clear_execution_callbacks()
    tfe.add_execution_callback(tfe.inf_callback)
    assert np.isnan(nf.log(-1.0).numpy())
    with pytest.raises(tfe.InfOrNanError, match="1 infinite"):
        nf.log(0.0)


def test_seterr_gives_what_was_set_and_leaves_other_callbacks(seen):
    tfe.add_execution_callback(tfe.inf_nan_callback)
    assert tfe.seterr() == {"inf_or_nan": tfe.ExecutionCallback.RAISE}
    assert tfe.seterr(inf_or_nan="warn") == {"inf_or_nan": tfe.ExecutionCallback.RAISE}
    assert tfe.seterr(inf_or_nan="ignore") == {"inf_or_nan": tfe.ExecutionCallback.WARN}
    assert tfe.seterr() == {"inf_or_nan": tfe.ExecutionCallback.IGNORE}
    nf.log(-1.0)
    assert [op for op, *_ in seen] == ["log"]
    with pytest.raises(ValueError, match="loud"):
        tfe.seterr(inf_or_nan="loud")
