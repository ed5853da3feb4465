"""Errors: TensorFlow's names, Python's builtins, and messages that name the op."""
import pickle

import numpy as np
import pytest

import numbaflow as nf

BUILTINS = {
    "InvalidArgumentError": (ValueError, TypeError), "NotFoundError": (FileNotFoundError,),
    "AlreadyExistsError": (FileExistsError,), "PermissionDeniedError": (PermissionError,),
    "OutOfRangeError": (IndexError,), "UnimplementedError": (NotImplementedError,),
    "DeadlineExceededError": (TimeoutError,), "ResourceExhaustedError": (MemoryError,),
    "DataLossError": (OSError,), "FailedPreconditionError": (RuntimeError,),
    "UnavailableError": (ConnectionError,), "UnknownError": (RuntimeError,), "InternalError": (RuntimeError,),
    "AbortedError": (RuntimeError,), "UnauthenticatedError": (PermissionError,), "CancelledError": (),
}


@pytest.mark.parametrize("name", BUILTINS)
def test_each_class_is_an_op_error_and_a_builtin(name):
    kind = getattr(nf.errors, name)
    error = kind("what went wrong")
    assert isinstance(error, (nf.errors.OpError, *BUILTINS[name]))
    assert all(issubclass(kind, b) for b in (nf.errors.OpError, *BUILTINS[name]))
    assert str(error) == error.message == "what went wrong"
    assert kind.__name__ == name
    assert kind.__doc__
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (kind, str(error))


def test_error_codes_are_those_of_tensorflow():
    codes = {n: getattr(nf.errors, n).error_code for n in BUILTINS}
    assert sorted(codes.values()) == list(range(1, 17))
    assert (codes["InvalidArgumentError"], codes["NotFoundError"], codes["OutOfRangeError"]) == (3, 5, 11)


X = nf.constant(np.ones((2, 3), np.float32))


@pytest.mark.parametrize(("call", "words"), [
    (lambda: nf.matmul(X, nf.constant(np.ones((4, 5), np.float32))), r"^matmul: .*\(2, 3\).*\(4, 5\)"),
    (lambda: X + nf.constant([1.0, 2.0]), r"^add: shapes \(2, 3\) and \(2,\) do not broadcast"),
    (lambda: nf.reshape(X, [4, 4]), r"^reshape: "),
    (lambda: nf.concat([X, nf.constant([1.0])], 0), r"^concat: "),
    (lambda: nf.reduce_sum(X, axis=5), r"^reduce_sum: .*5"),
    (lambda: nf.sin("text"), r"^sin: .*str"),
    (lambda: nf.multiply(X, None), r"^multiply: .*NoneType"),
    (lambda: nf.stack([]), r"^stack: "),
    (lambda: nf.stack(3), r"^stack: .*list"),
    (lambda: nf.transpose(X, [0, 0]), r"^transpose: "),
])
def test_an_error_names_its_op_first(call, words):
    with pytest.raises(nf.errors.InvalidArgumentError, match=words):
        call()
    with pytest.raises((ValueError, TypeError)):
        call()


def test_errors_inside_a_tape_leave_it_usable():
    x = nf.constant(3.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        with pytest.raises(nf.errors.InvalidArgumentError):
            nf.matmul(x, y)
        z = y * x
    assert tape.gradient(z, x).numpy() == 27.0


def test_an_index_past_the_end_is_also_an_index_error():
    with pytest.raises(IndexError, match="gather"):
        nf.gather(X, [7])
    with pytest.raises(nf.errors.InvalidArgumentError, match="gather"):
        nf.gather(X, [7])


def test_nan_and_inf_flow():
    with np.errstate(all="raise"):
        x = nf.constant([0.0, -1.0, 1.0])
        assert np.isinf((1.0 / x).numpy()[0])
        assert np.isnan(nf.sqrt(x).numpy()[1])
        assert np.isnan(nf.log(x).numpy()[1])
