"""Saved models: what ran before a save runs after a load, elsewhere too; what is damaged is refused."""
import json
import os
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest

import numbaflow as nf
from numbaflow import saved_model
from numbaflow.core import table
from numbaflow.core.errors import DataLossError, InvalidArgumentError, NotFoundError, UnimplementedError
from numbaflow.core.trackable import AutoTrackable
from numbaflow.graph.flow import control, host, printing, rows
from numbaflow.graph.function import TensorSpec, function

Pair = namedtuple("Pair", "first second")


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "model")


def restored(obj, folder, **more):
    saved_model.save(obj, folder, **more)
    return saved_model.load(folder)


# ---- functions
def test_a_function_with_all_kinds_of_arguments_and_results(folder):
    @function
    def f(x, scale=2.0, *, parts=(), named=None):
        total = nf.add_n([*parts, x]) * scale if named is None else x * named["w"]
        return {"total": total, "pair": Pair(x, [None, "text", 3.5]), "n": nf.shape(x)}
    x = nf.constant([1.0, 2.0])
    calls = [((x,), {}), ((x, 3.0), {}), ((x,), {"parts": (x, x)}), ((x,), {"named": {"w": 3.0 * x, "b": x}})]
    expected = [f(*args, **kwargs) for args, kwargs in calls]
    loaded = restored(f, folder)
    for (args, kwargs), want in zip(calls, expected, strict=True):
        got = loaded(*args, **kwargs)
        np.testing.assert_array_equal(got["total"].numpy(), want["total"].numpy())
        np.testing.assert_array_equal(got["pair"].first.numpy(), x.numpy())
        assert got["pair"].second == [None, "text", 3.5]
    assert loaded(x, scale=3.0)["total"].numpy().tolist() == [3.0, 6.0]
    with pytest.raises(ValueError, match=r"f: it was not traced for arguments .*, 4\.0.*it was for\n"):
        loaded(x, 4.0)
    with pytest.raises(ValueError, match="not traced"):
        loaded(nf.constant([1.0, 2.0, 3.0]))
    with pytest.raises(TypeError, match="unexpected keyword"):
        loaded(x, other=1)


def test_keyword_tensors_keep_their_order(folder):
    @function
    def f(x, skipped=0, c=None, a=None):
        return x + 10.0 * c + 100.0 * a
    one, two, three = nf.constant(1.0), nf.constant(2.0), nf.constant(3.0)
    f(one, c=two, a=three)
    loaded = restored(f, folder)
    assert loaded(one, c=two, a=three).numpy() == loaded(one, 0, two, three).numpy() == 321.0
    again = restored(loaded, folder)
    assert again(one, a=three, c=two).numpy() == 321.0


def test_numbers_and_arrays_are_taken_for_tensors(folder):
    @function(input_signature=[TensorSpec([2]), {"k": TensorSpec([], nf.int64)}])
    def f(x, d):
        return x * nf.cast(d["k"], nf.float32)
    loaded = restored(f, folder)
    assert loaded(np.float32([1, 2]), {"k": 3}).numpy().tolist() == [3.0, 6.0]


def test_concrete_functions_and_signatures_by_name(folder):
    @function(input_signature=[TensorSpec([2])])
    def f(x):
        return x + 1.0, x * 2.0
    concrete = f.get_concrete_function()
    loaded = restored(AutoTrackable(), folder, signatures={"both": f, "one": concrete})
    assert sorted(loaded.signatures) == ["both", "one"]
    x = nf.constant([1.0, 2.0])
    for name, kind in (("both", tuple), ("one", list)):
        got = loaded.signatures[name](x)
        assert isinstance(got, kind)
        assert [t.numpy().tolist() for t in got] == [[2.0, 3.0], [2.0, 4.0]]
    with pytest.raises(TypeError, match=r"itself; it has signatures\['both'\], signatures\['one'\]"):
        loaded(x)
    with pytest.raises(InvalidArgumentError, match="signature 'bad' must be an nf"):
        saved_model.save(AutoTrackable(), folder, signatures={"bad": print})


def test_unknown_extents_stay_unknown(folder):
    @function(input_signature=[TensorSpec([None, 3]), TensorSpec([3, None])])
    def f(x, y):
        return nf.reshape(nf.matmul(x, y), [-1]) + nf.cast(nf.shape(x)[0], nf.float32)
    loaded = restored(f, folder)
    again = restored(loaded, folder)
    for m, n in ((1, 1), (2, 5), (7, 1), (40, 31)):
        x, y = np.random.rand(m, 3).astype("f"), np.random.rand(3, n).astype("f")
        for g in (loaded, again):
            np.testing.assert_allclose(g(x, y).numpy(), (x @ y).ravel() + m, rtol=1e-5)


# ---- variables
class Counter(AutoTrackable):
    def __init__(self):
        self.count = nf.Variable(0.0, name="count")
        self.cells = [nf.Variable([1.0, 2.0], trainable=False), {"inner": nf.Variable(3.0)}]

    @function(input_signature=[TensorSpec([])])
    def add(self, x):
        return self.count.assign_add(x * self.cells[1]["inner"]) + OUTSIDE

    @function
    def never_called(self, x):
        return x


OUTSIDE = nf.Variable(100.0, name="outside")


def test_objects_with_variables_functions_and_parts(folder):
    counter = Counter()
    counter.add(2.0)
    loaded = restored(counter, folder)
    assert loaded.count.numpy() == 6.0
    assert loaded.cells[0].numpy().tolist() == [1.0, 2.0]
    assert loaded.cells[1]["inner"].numpy() == 3.0
    assert [v.name for v in loaded.variables].count("outside:0") == 1
    assert len(loaded.trainable_variables) == len(loaded.variables) - 1 == 3
    assert loaded.add(1.0).numpy() == counter.add(1.0).numpy() == 109.0
    assert loaded.count.numpy() == 9.0
    assert sorted(loaded.functions) == ["add", "never_called"]
    with pytest.raises(ValueError, match="it was not called before it was saved"):
        loaded.never_called(1.0)
    loaded.cells[1]["inner"].assign(1.0)
    again = restored(loaded, folder)
    assert again.add(1.0).numpy() == 110.0


def test_a_checkpoint_of_the_object_is_one_of_the_loaded_object(folder, tmp_path):
    counter = Counter()
    loaded = restored(counter, folder)
    counter.count.assign(42.0)
    path = nf.train.Checkpoint(model=counter).save(str(tmp_path / "ckpt"))
    nf.train.Checkpoint(model=loaded).restore(path).assert_existing_objects_matched()
    assert loaded.count.numpy() == 42.0


def test_training_goes_on_after_a_load(folder):
    w, rate = nf.Variable([[1.0], [2.0]]), 0.1
    optimizer = nf.train.AdamOptimizer(rate)

    @function(input_signature=[TensorSpec([None, 2]), TensorSpec([None, 1])])
    def step(x, y):
        with nf.GradientTape() as tape:
            loss = nf.reduce_mean((nf.matmul(x, w) - y) ** 2)
        optimizer.apply_gradients([(tape.gradient(loss, w), w)])
        return loss
    x, y = np.random.rand(8, 2).astype("f"), np.random.rand(8, 1).astype("f")
    step(x, y)
    loaded = restored(step, folder)
    for n in (8, 5, 8):
        np.testing.assert_allclose(loaded(x[:n], y[:n]).numpy(), step(x[:n], y[:n]).numpy(), rtol=1e-6)
    mine = next(v for v in loaded.variables if v.name == w.name)
    np.testing.assert_allclose(mine.numpy(), w.numpy(), rtol=1e-6)


def test_gradients_of_a_loaded_function(folder):
    w = nf.Variable([2.0, 3.0])

    @function(input_signature=[TensorSpec([2])])
    def f(x):
        return nf.reduce_sum(nf.sin(w * x) ** 3)
    loaded = restored(f, folder)
    mine, = loaded.variables
    x = nf.constant([0.3, 0.4])

    def second(f, w):
        with nf.GradientTape() as outer:
            with nf.GradientTape() as inner:
                outer.watch(x)
                inner.watch(x)
                y = f(x)
            dw, dx = inner.gradient(y, [w, x])
        return [dw, dx, outer.gradient(dx, w)]
    for got, want in zip(second(loaded, mine), second(f, w), strict=True):
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-6)


def test_a_loaded_function_inside_another(folder):
    @function(input_signature=[TensorSpec([2])])
    def f(x):
        return x * x
    loaded = restored(f, folder)

    @function
    def outer(x):
        return loaded(x) + 1.0
    assert outer(nf.constant([2.0, 3.0])).numpy().tolist() == [5.0, 10.0]


def test_random_numbers_are_drawn_anew(folder):
    @function
    def draw():
        return nf.random_normal([4], seed=3)
    draw()
    loaded = restored(draw, folder)
    first, second = loaded().numpy(), loaded().numpy()
    assert (first != second).all()
    nf.set_random_seed(7)
    got = loaded().numpy()
    nf.set_random_seed(7)
    np.testing.assert_array_equal(got, nf.random_normal([4], seed=3).numpy())


# ---- branches, loops, texts, shapes that values decide
def branching(x):
    return control.cond(nf.reduce_sum(x) > 0.0, lambda: x * SCALE, lambda: x - 1.0)


def looping(x):
    return control.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, nf.sin(y) * SCALE), (0, x))[1]


def scanning(x):
    return rows.scan(lambda a, b: a * SCALE + b, x)


def printing_and_asserting(x):
    printing.print("x is", [x, None], output_stream=sys.stdout)
    printing.Assert(nf.reduce_all(x < 5.0), ["too large", x])
    return x * 2.0


def masked(x):
    return nf.boolean_mask(x, x > 1.5) * SCALE


SCALE = nf.Variable(2.0, name="scale")


@pytest.mark.parametrize("f", [branching, looping, scanning, printing_and_asserting, masked],
                         ids=lambda f: f.__name__)
def test_control_flow_and_its_gradients(folder, f, capsys):
    compiled = function(f, input_signature=[TensorSpec([2])])
    loaded = restored(compiled, folder)
    again = restored(loaded, folder)
    for values in ([1.0, 2.0], [-3.0, 0.5]):
        x = nf.constant(values)
        expected = f(x)
        capsys.readouterr()
        for g in (loaded, again):
            with nf.GradientTape() as tape:
                tape.watch(x)
                y = g(x)
            np.testing.assert_allclose(y.numpy(), expected.numpy(), rtol=1e-6)
            with nf.GradientTape() as eager:
                eager.watch(x)
                y_eager = f(x)
            got, want = tape.gradient(y, x), eager.gradient(y_eager, x)
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-6)
    if f is printing_and_asserting:
        assert "x is [[-3 0.5], None]" in capsys.readouterr().out
        with pytest.raises(InvalidArgumentError, match="assertion failed: too large"):
            loaded(nf.constant([9.0, 1.0]))


def test_calls_of_python_are_refused_by_name(folder):
    def helper(x):
        return x
    f = function(lambda x: host.py_function(helper, [x], nf.float32, shape=(2,)),
                 input_signature=[TensorSpec([2])])
    with pytest.raises(InvalidArgumentError, match=r"py_function at .* its call: the Python .*helper"):
        saved_model.save(f, folder)


# ---- models
def models():
    layers = nf.keras.layers
    a, b = nf.keras.Input((4,), name="a"), nf.keras.Input((3,), name="b")
    joined = layers.Dense(5, activation="tanh")(layers.Concatenate()([a, b]))
    yield nf.keras.Model([a, b], [joined, layers.Dense(2)(joined)])
    yield nf.keras.Sequential([
        layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)), layers.MaxPooling2D(),
        layers.Flatten(), layers.Dropout(0.5), layers.Dense(3)])


@pytest.mark.parametrize("model", list(models()), ids=["functional", "sequential"])
def test_keras_models(folder, model):
    loaded = restored(model, folder)
    for n in (1, 6):
        given = [np.random.rand(n, *t.shape[1:]).astype("f") for t in model.inputs]
        given = given[0] if len(given) == 1 else given
        served = loaded.signatures["serving_default"]
        for got in (loaded(given), served(given), loaded(given, training=False)):
            for g, w in zip(*[r if isinstance(r, list) else [r] for r in (got, model(given))], strict=True):
                np.testing.assert_allclose(g.numpy(), w.numpy(), rtol=1e-5, atol=1e-6)
    assert [v.name for v in loaded.trainable_variables] == [v.name for v in model.trainable_variables]
    loaded(given, training=True)


def test_a_subclassed_model_by_a_function_of_it(folder):
    class Net(nf.keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = nf.keras.layers.Dense(2)

        def call(self, x):
            return self.dense(x)
    net = Net()
    x = np.random.rand(3, 4).astype("f")
    expected = net(x)
    call = function(lambda x: net(x), input_signature=[TensorSpec([None, 4])])
    loaded = restored(net, folder, signatures=call)
    np.testing.assert_allclose(loaded.signatures["serving_default"](x).numpy(), expected.numpy(), rtol=1e-6)
    assert sorted(v.shape for v in loaded.dense.variables) == [(2,), (4, 2)]


# ---- elsewhere
def test_another_process_runs_it_without_the_code(folder):
    counter = Counter()
    saved_model.save(counter, folder)
    code = ("import sys, numbaflow as nf; from numbaflow import saved_model\n"
            "model = saved_model.load(sys.argv[1])\n"
            "print(model.add(2.0).numpy(), model.count.numpy())")
    done = subprocess.run([sys.executable, "-c", code, folder], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["106.0", "6.0"]


# ---- what can't be saved
def test_a_users_op_must_be_there_when_it_is_loaded(folder):
    @nf.op(inputs="x", grads=None, reference=lambda x: x + 1, samples=[nf.Sample(np.ones(2))],
           infer=lambda x: (x.shape, x.dtype))
    def plus_one_saved(x, name=None):
        """x + 1."""
        return x + 1
    saved_model.save(function(lambda x: plus_one_saved(x), input_signature=[TensorSpec([2])]), folder)
    assert saved_model.load(folder)(nf.constant([1.0, 2.0])).numpy().tolist() == [2.0, 3.0]
    kept = table.OPS.pop("plus_one_saved")
    with pytest.raises(NotFoundError, match="op 'plus_one_saved' is not in the table"):
        saved_model.load(folder)
    del kept


def test_what_can_not_be_written_is_named(folder):
    f = function(lambda x, helper: x)
    f(nf.constant(1.0), json.dumps)
    with pytest.raises(InvalidArgumentError, match="an argument: the Python function dumps"):
        saved_model.save(f, folder)
    assert not os.path.exists(folder)
    with pytest.raises(InvalidArgumentError, match="a model or a trackable object, got int"):
        saved_model.save(3, folder)
    with pytest.raises(InvalidArgumentError, match="has no functions and no variables"):
        saved_model.save(AutoTrackable(), folder)


# ---- files
def simple():
    w = nf.Variable([2.0, 3.0], name="w")
    kept = np.arange(8, dtype="f").reshape(4, 2)
    return function(lambda x: nf.reduce_sum(w * x * kept), input_signature=[TensorSpec([2])])


def test_a_model_is_replaced_and_nothing_is_left(folder, tmp_path):
    for _ in range(3):
        saved_model.save(simple(), folder)
    assert len(os.listdir(folder)) == 3
    assert os.listdir(tmp_path) == ["model"]
    assert nf.train.list_variables(os.path.join(
        folder, next(n for n in os.listdir(folder) if n.startswith("variables")))) == [("w", [2])]


def test_a_save_that_fails_leaves_what_was_there(folder, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")
    with monkeypatch.context() as patch:
        patch.setattr("numbaflow.saved_model.saving.json.dumps", fail)
        with pytest.raises(OSError, match="No space"):
            saved_model.save(simple(), folder)
    assert os.listdir(tmp_path) == []
    f = simple()
    saved_model.save(f, folder)
    with monkeypatch.context() as patch:
        patch.setattr("numbaflow.saved_model.saving.json.dumps", fail)
        with pytest.raises(OSError, match="No space"):
            saved_model.save(simple(), folder)
    x = nf.constant([1.0, 2.0])
    assert saved_model.load(folder)(x).numpy() == f(x).numpy()


def test_a_folder_of_other_files_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InvalidArgumentError, match="is a folder of other files"):
        saved_model.save(simple(), tmp_path)
    assert os.listdir(tmp_path) == ["thesis.txt"]


def damaged(folder, change):
    path = os.path.join(folder, "graph.json")
    with open(path) as file:
        data = json.load(file)
    change(data)
    with open(path, "w") as file:
        json.dump(data, file)


@pytest.mark.parametrize(("change", "error", "says"), [
    (lambda d: d.update(version=99), UnimplementedError, "is of version 99; this numbaflow reads 1"),
    (lambda d: d.update(version="x"), DataLossError, "'x' is no version"),
    (lambda d: d.update(format="other"), DataLossError, "is not the graph of a saved model"),
    (lambda d: d.pop("functions"), DataLossError, "its list of functions can't be understood"),
    (lambda d: d.pop("files"), DataLossError, "names no file of variables"),
    (lambda d: d["files"].update(variables="../../x.safetensors"), DataLossError,
     "names no file of variables"),
    (lambda d: d["variables"][0].update(shape=[3]), DataLossError,
     r"'w' is float32\[2\] .* expected float32\[3\]"),
    (lambda d: d["functions"][0].update(reads=[]), DataLossError, "can't be understood"),
    (lambda d: d["functions"][0]["nodes"][-1].update(op="nothing"), NotFoundError, "op 'nothing' is not"),
    (lambda d: d["functions"][0]["nodes"][-1].pop("outputs"), DataLossError,
     "node 5, reduce_sum, .*'outputs'"),
    (lambda d: d["callables"][0]["variants"][0].update(function=5), DataLossError, "no number 5"),
    (lambda d: d["callables"][0]["variants"][0].update(args=[]), DataLossError, "it takes 0 tensors"),
    (lambda d: d["objects"][0].update(functions={"__call__": 9}), DataLossError, "no number 9"),
    (lambda d: d["objects"][0].update(kind="module"), DataLossError, "there is no 'module'"),
    (lambda d: d.clear(), DataLossError, "is not the graph of a saved model"),
], ids=lambda part: part if isinstance(part, str) else "")
def test_a_damaged_graph_is_refused(folder, change, error, says):
    saved_model.save(simple(), folder)
    damaged(folder, change)
    with pytest.raises(error, match=says):
        saved_model.load(folder)


def test_missing_and_broken_files_are_named(folder):
    with pytest.raises(NotFoundError, match="there is no saved model"):
        saved_model.load(folder)
    saved_model.save(simple(), folder)
    values = os.path.join(folder, "variables.safetensors")
    with open(values, "r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(b"\xff\xff")
    with pytest.raises(DataLossError, match=r"variables\.safetensors"):
        saved_model.load(folder)
    os.unlink(values)
    with pytest.raises(NotFoundError, match=r"variables\.safetensors"):
        saved_model.load(folder)
    with open(os.path.join(folder, "graph.json"), "w") as file:
        file.write('{"format": ')
    with pytest.raises(DataLossError, match="is no JSON"):
        saved_model.load(folder)
