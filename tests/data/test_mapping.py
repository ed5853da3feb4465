"""Functions that pipelines call: their arguments, results, errors and threads."""
import gc
import subprocess
import sys
import threading
import time
from collections import namedtuple

import numpy as np
import pytest

import numbaflow as nf

from .oracle import plain, values

Dataset = nf.data.Dataset
Pair = namedtuple("Pair", "x y")


# ---- arguments and results
def test_only_a_plain_tuple_comes_apart():
    two = Dataset.range(2)
    assert values(Dataset.zip((two, two)).map(lambda a, b: a + b)) == [0, 2]
    assert values(Dataset.zip({"a": two}).map(lambda d: d["a"] + 1)) == [1, 2]
    assert values(two.map(lambda x: Pair(x, x)).map(lambda p: p.x + p.y)) == [0, 2]


def test_any_structure_may_come_back():
    def function(x):
        assert isinstance(x, nf.Tensor)
        return {"list": [x, x + 1], "array": np.float32(x), "number": 2, "text": "t",
                "pair": Pair(x, nf.Variable(1.0))}
    element, = Dataset.range(1).map(function)
    assert plain(element) == {"list": [0, 1], "array": 0.0, "number": 2, "text": b"t", "pair": (0, 1.0)}
    assert isinstance(element["pair"], Pair)
    assert Dataset.range(1).map(function).output_types == {
        "list": nf.int64, "array": nf.float32, "number": nf.int32, "text": nf.string,
        "pair": Pair(nf.int64, nf.float32)}


@pytest.mark.parametrize("result", [None, object(), (1, None), [[1], [2, 3]]])
def test_what_is_no_element(result):
    with pytest.raises(TypeError, match="range -> map: an element must be"):
        next(iter(Dataset.range(1).map(lambda x: result)))


def test_functions_run_eagerly():
    assert values(Dataset.range(4).map(lambda x: nf.constant(int(x.numpy()) * 10))) == [0, 10, 20, 30]


def test_flat_map_and_interleave_need_datasets():
    with pytest.raises(TypeError, match="flat_map: map_func must return a Dataset, got Tensor"):
        values(Dataset.range(2).flat_map(lambda x: x))


@pytest.mark.parametrize("answer", [lambda x: 1, lambda x: nf.constant([True, False]), lambda x: None])
def test_predicates_return_a_scalar_bool(answer):
    with pytest.raises(TypeError, match="filter: a predicate must return a scalar bool"):
        values(Dataset.range(2).filter(answer))


# ---- interleave
@pytest.mark.parametrize("parallel", [None, 1, 3, -1])
def test_interleave_takes_turns(parallel):
    def expand(n):
        return Dataset.from_tensors(n).repeat(n)
    dataset = Dataset.from_tensor_slices([4, 5, 6]).repeat(2)
    got = values(dataset.interleave(expand, 2, 3, parallel))
    assert got == [4, 4, 4, 5, 5, 5, 4, 5, 5, 6, 6, 6, 4, 4, 4, 6, 6, 6, 4, 5, 5, 5, 6, 6, 6, 5, 5, 6, 6, 6]
    four = Dataset.range(4)
    one_by_one = values(four.flat_map(Dataset.range))
    assert values(four.interleave(Dataset.range, 1)) == one_by_one == [0, 0, 1, 0, 1, 2]


# ---- errors
def fail_at(*bad):
    def function(x):
        if int(x) in bad:
            raise ZeroDivisionError(f"bad {int(x)}")
        return x * 10
    return function


def collect(dataset):
    """Elements and the texts of errors, in order."""
    it, got = iter(dataset), []
    while True:
        try:
            got.append(plain(next(it)))
        except StopIteration:
            return got
        except ZeroDivisionError as error:
            got.append(str(error))


@pytest.mark.parametrize("parallel", [None, 2])
@pytest.mark.parametrize("ahead", [0, 3])
def test_an_error_comes_in_its_place_and_reading_goes_on(parallel, ahead):
    dataset = Dataset.range(6).map(fail_at(1, 4), parallel).prefetch(ahead)
    assert collect(dataset) == [0, "bad 1", 20, 30, "bad 4", 50]
    assert values(dataset.apply(nf.data.experimental.ignore_errors())) == [0, 20, 30, 50]


def test_a_batch_with_an_error_is_lost():
    assert collect(Dataset.range(7).map(fail_at(3)).batch(2)) == [[0, 10], "bad 3", [40, 50], [60]]


def test_an_error_while_a_shuffle_fills_loses_nothing():
    got = collect(Dataset.range(9).map(fail_at(2, 5)).shuffle(6, seed=1))
    assert sorted(map(str, got)) == sorted(["0", "10", "bad 2", "30", "40", "bad 5", "60", "70", "80"])


@pytest.mark.parametrize("parallel", [None, 2])
def test_an_error_says_which_stage_it_came_from(parallel):
    with pytest.raises(ZeroDivisionError, match="bad 0") as caught:
        next(iter(Dataset.range(3).take(2).map(fail_at(0), parallel)))
    assert caught.value.__notes__ == ["raised in the dataset stage range -> take -> map"]


def test_stop_iteration_is_no_end():
    def function(x):
        raise StopIteration
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        next(iter(Dataset.range(3).map(function)))


# ---- threads
def ours():
    return [t for t in threading.enumerate() if t.name == "numbaflow data"]


def eventually(condition):
    """Whether a condition holds within ten seconds."""
    gc.collect()                            # an error that was caught holds the iterator in a cycle
    for _ in range(1000):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_parallel_calls_meet():
    barrier = threading.Barrier(3, timeout=10)

    def function(x):
        barrier.wait()
        return x
    assert values(Dataset.range(9).map(function, num_parallel_calls=3)) == list(range(9))


def test_parallel_calls_keep_the_order():
    def function(x):
        time.sleep(0.002 * (int(x) % 3 == 0))
        return x
    assert values(Dataset.range(30).map(function, nf.data.experimental.AUTOTUNE)) == list(range(30))


def test_prefetch_makes_elements_ahead_and_no_more():
    made = []
    it = iter(Dataset.range(100).map(lambda x: made.append(int(x)) or x).prefetch(3))
    assert made == []
    assert next(it).numpy() == 0
    assert eventually(lambda: len(made) == 4)
    time.sleep(0.05)
    assert made == [0, 1, 2, 3]


@pytest.mark.parametrize("make", [
    lambda d: d.map(lambda x: x).prefetch(2), lambda d: d.map(lambda x: x, 3),
    lambda d: d.map(lambda x: x, 2).prefetch(2),
    lambda d: d.interleave(lambda n: Dataset.range(50), 3, 1, 3),
    lambda d: d.map(lambda x: x).prefetch(2).batch(2).prefetch(1)])
@pytest.mark.parametrize("to_the_end", [False, True])
def test_threads_end_with_their_iterator(make, to_the_end):
    assert eventually(lambda: not ours())
    dataset = make(Dataset.range(20))
    it = iter(dataset)
    for _ in range(10):
        next(it)
    assert ours() or to_the_end
    if to_the_end:
        values(it)
    del it
    gc.collect()
    assert eventually(lambda: not ours())


def test_many_abandoned_loops_leave_no_threads():
    dataset = Dataset.range(10**6).map(lambda x: x, 2).prefetch(2)
    for _ in range(50):
        for _ in dataset:
            break
    assert eventually(lambda: not ours())


def test_passes_over_a_prefetch_end_their_threads():
    dataset = Dataset.range(10).map(lambda x: x).prefetch(2).take(3).repeat(40)
    assert values(dataset) == [0, 1, 2] * 40
    assert eventually(lambda: not ours())


def test_no_thread_keeps_the_process():
    code = ("import numbaflow as nf, time\n"
            "d = nf.data.Dataset.range(10**9).map(lambda x: time.sleep(60 * (int(x) == 5)) or x, 2)\n"
            "it = iter(d.prefetch(2))\nprint(next(it).numpy())")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True,
                          timeout=50)
    assert (done.stdout, done.stderr, done.returncode) == ("0\n", "", 0)


def test_several_threads_may_read_one_iterator():
    it, got = iter(Dataset.range(2000).map(lambda x: x).batch(2)), []

    def read():
        got.extend(int(b[0]) for b in it)
    readers = [threading.Thread(target=read) for _ in range(4)]
    for r in readers:
        r.start()
    for r in readers:
        r.join()
    assert sorted(got) == list(range(0, 2000, 2))


def test_a_map_may_iterate_datasets_and_take_gradients():
    inner, w = Dataset.range(4), nf.Variable(2.0)

    def function(x):
        with nf.GradientTape() as tape:
            y = w * w * nf.cast(sum(int(i) for i in inner), nf.float32)
        return tape.gradient(y, w)
    assert values(Dataset.range(2).map(function, 2)) == [24.0, 24.0]
