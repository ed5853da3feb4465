"""Devices by name, their scopes, and what happens in the scope of one that is not there."""
import threading

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.contrib import eager as tfe
from numbaflow.core import device as devices

CPU = "/job:localhost/replica:0/task:0/device:CPU:0"
GPU = "/job:localhost/replica:0/task:0/device:GPU:7"


@pytest.mark.parametrize("name", ["/cpu:0", "cpu:0", "CPU:0", "/CPU:0", "/device:CPU:0", "/cpu:*", "cpu", CPU,
                                  "/task:0/cpu:0", "", "/", None])
def test_names_of_the_cpu(name):
    with nf.device(name):
        assert nf.constant(1.0).device == CPU
        assert nf.Variable(1.0).device == CPU


@pytest.mark.parametrize(("name", "full"), [
    ("/gpu:7", GPU), ("gpu:7", GPU), ("/device:GPU:7", GPU), ("/job:localhost/gpu:7", GPU),
    ("/cpu:1", CPU[:-1] + "1"), ("/device:TPU:0", CPU[:-5] + "TPU:0"),
    ("/job:worker/task:3/cpu:0", "/job:worker/replica:0/task:3/device:CPU:0"),
])
def test_a_missing_device_is_named_in_full(name, full):
    with nf.device(name), pytest.raises(RuntimeError) as error:
        nf.constant(1.0)
    assert str(error.value) == f"Error copying tensor to device: {full}. {full} unknown device."


def test_scopes_merge():
    with nf.device("/job:worker"), nf.device("/task:2"):
        with pytest.raises(RuntimeError, match="job:worker/replica:0/task:2/device:CPU:0 unknown"):
            nf.constant(1.0)
        with nf.device("/job:localhost/task:0/gpu:7"), pytest.raises(RuntimeError, match="GPU:7 unknown"):
            nf.constant(1.0)
        with nf.device(None):
            nf.constant(1.0)
        with nf.device(CPU):
            nf.constant(1.0)
    nf.constant(1.0)


A, M = nf.constant([1.0, 2.0]), nf.ones([2, 2])
MAKING = [
    (lambda: nf.constant([1.0]), None), (lambda: nf.convert_to_tensor(np.ones(2)), None),
    (lambda: nf.Variable([1.0]), None), (lambda: nf.Variable(A), None), (lambda: nf.Tensor(1.0), None),
    (lambda: nf.zeros([2]), None), (lambda: nf.random_normal([2]), None),
    (lambda: A * A, "multiply"), (lambda: A[0], "getitem"), (lambda: nf.matmul(M, M), "matmul"),
    (lambda: nf.reduce_sum(A), "reduce_sum"), (lambda: nf.split(A, 2), "split"),
    (lambda: nf.cast(A, nf.int32), "cast"),
]


@pytest.mark.parametrize(("make", "op"), MAKING)
def test_nothing_is_made_on_a_missing_device(make, op):
    error = RuntimeError if op is None else nf.errors.InvalidArgumentError
    start = "Error copying tensor to device: " if op is None else f"{op}: "
    for warm in False, True:                # the first time a face is not written yet
        with nf.device("/gpu:7"), pytest.raises(error) as caught:
            make()
        assert str(caught.value).startswith(start), warm
        assert str(caught.value).endswith(f"{GPU} unknown device.")


def test_a_gradient_does_not_run_on_a_missing_device():
    for _ in range(2):
        with nf.GradientTape() as tape:
            tape.watch(A)
            y = nf.tanh(A)
        with nf.device("/gpu:7"), pytest.raises((RuntimeError, ValueError), match="unknown device"):
            tape.gradient(y, A)


def test_values_can_be_looked_at_and_copied_to_the_cpu():
    v = nf.Variable([1.0, 2.0])
    with nf.device("/gpu:7"):
        assert A.numpy().tolist() == [1, 2]
        assert A.cpu().device == CPU
        assert v.assign_add(A).numpy().tolist() == [2, 4]


def test_other_threads_are_not_touched():
    found, entered, done = [], threading.Event(), threading.Event()

    def elsewhere():
        entered.wait(10)
        found.append((A * A).numpy().tolist())
        done.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    with nf.device("/gpu:7"):
        entered.set()
        assert done.wait(10)
    thread.join()
    assert found == [[1, 4]]


def test_guards_are_gone_when_the_scope_is_left():
    scope = nf.multiply.__globals__
    assert (A * A).device == CPU
    assert scope["_new"] is object.__new__
    with nf.device("/gpu:7"), nf.device("/gpu:8"):
        assert scope["_new"] is not object.__new__
    assert scope["_new"] is object.__new__
    with nf.device("/cpu:0"):
        assert scope["_new"] is object.__new__
    assert devices._threads == 0


@pytest.mark.parametrize(("name", "error", "words"), [
    ("pu:0", ValueError, "Unknown attribute: 'pu' in 'pu:0'"),
    ("/cpu:0/gpu:0", ValueError, "Cannot specify multiple device types: /cpu:0/gpu:0"),
    ("/cpu:x", ValueError, "'x' is not a number, in '/cpu:x'"),
    ("/task:x/cpu:0", ValueError, "'x' is not a number"),
    ("/job:a:b", ValueError, "Unknown attribute: 'job'"),
    (3, ValueError, r"Expecting a string device name. Got <class 'int'>\(3\)"),
    (lambda op: "/cpu:0", RuntimeError, "does not support functions"),
])
def test_bad_names(name, error, words):
    with pytest.raises(error, match=words):
        nf.device(name)


def test_scopes_must_nest():
    first, second = nf.device("/cpu:0"), nf.device("/gpu:7")
    first.__enter__()
    second.__enter__()
    with pytest.raises(RuntimeError, match="without proper scope nesting"):
        first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    first.__exit__(None, None, None)
    assert nf.constant(1.0).device == CPU


def test_one_scope_object_can_be_entered_again():
    scope = nf.device("/gpu:7")
    with scope, scope, pytest.raises(RuntimeError, match="unknown device"):
        nf.constant(1.0)
    with scope, nf.device("/cpu:0"):
        nf.constant(1.0)


def test_what_is_there():
    gpus = [f"{CPU[:-5]}GPU:{k}" for k in range(tfe.num_gpus())]
    assert tfe.list_devices() == [CPU, *gpus]
    assert nf.test.is_gpu_available() == bool(gpus)
    assert nf.test.is_gpu_available(cuda_only=True, min_cuda_compute_capability=(3, 5)) == bool(gpus)
    assert not nf.test.is_gpu_available(min_cuda_compute_capability=(99, 0))
    assert nf.test.gpu_device_name() == (gpus[0] if gpus else "")
    assert nf.test.is_built_with_cuda() or not gpus


def test_copies_to_gpus_that_are_not_there():
    with pytest.raises(RuntimeError) as error:
        A.gpu(7)
    assert str(error.value) == "Error copying tensor to device: GPU:7. GPU:7 unknown device."
    with nf.GradientTape() as tape:
        tape.watch(A)
        y = A.cpu() * 3.0
    assert tape.gradient(y, A).numpy().tolist() == [3, 3]
