"""Checkpoints of models, metrics and iterators; several savers at once; what a program logs at its end."""
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import numbaflow as nf
from numbaflow import keras
from numbaflow.train import Checkpoint

X = np.random.default_rng(0).standard_normal((8, 5)).astype("float32")


def stack():
    return keras.Sequential([keras.layers.Dense(4, activation="relu"), keras.layers.Dense(3)])


class Model(keras.Model):
    """A model with layers in a list, a dict and a tuple, and a variable of its own."""

    def __init__(self):
        super().__init__()
        self.in_list = [keras.layers.Dense(4) for _ in range(2)]
        self.in_dict = {"a": keras.layers.Dense(3)}
        self.in_tuple = (keras.layers.Dense(2), "linear")
        self.scale = nf.Variable(2.0)

    def call(self, x):
        for layer in (*self.in_list, self.in_dict["a"], self.in_tuple[0]):
            x = layer(x)
        return x * self.scale


def graph_of_layers():
    x = keras.Input((5,))
    return keras.Model(x, keras.layers.Dense(2)(keras.layers.Dense(3, activation="tanh")(x)))


def train(model, optimizer, steps=2, **kwargs):
    for _ in range(steps):
        optimizer.minimize(lambda: nf.reduce_mean(nf.square(model(X))), **kwargs)


KERAS = ["Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "RMSprop", "SGD"]


@pytest.mark.parametrize(("make", "optimizer"), [
    (stack, nf.train.AdamOptimizer), (Model, nf.train.AdamOptimizer),
    (graph_of_layers, keras.optimizers.Adam), *((Model, getattr(keras.optimizers, name)) for name in KERAS)])
def test_training_of_a_model_goes_on(tmp_path, make, optimizer):
    def minimize(model, rule):
        for _ in range(2):
            with nf.GradientTape() as tape:
                loss = nf.reduce_mean(nf.square(model(X)))
            variables = model.trainable_variables
            rule.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    first, rule = make(), optimizer(0.1)
    minimize(first, rule)
    path = Checkpoint(model=first, optimizer=rule).save(tmp_path / "x")
    minimize(first, rule)
    second, fresh = make(), optimizer(0.1)
    status = Checkpoint(model=second, optimizer=fresh).restore(path)
    minimize(second, fresh)
    status.assert_consumed()
    assert np.array_equal(second(X).numpy(), first(X).numpy())


def test_the_guides_root(tmp_path):
    model, optimizer = stack(), nf.train.AdamOptimizer(learning_rate=0.001)
    root = Checkpoint(optimizer=optimizer, model=model, optimizer_step=nf.train.get_or_create_global_step())
    root.save(tmp_path / "ckpt")                # before anything is built
    root.restore(nf.train.latest_checkpoint(tmp_path)).assert_consumed()
    step = nf.train.get_or_create_global_step()
    train(model, optimizer, global_step=step)
    before, path = step.numpy(), root.save(tmp_path / "ckpt")
    train(model, optimizer, global_step=step)
    root.restore(path).assert_consumed()
    assert step.numpy() == before


def test_metrics_and_iterators(tmp_path):
    def make():
        numbers = nf.data.Dataset.range(10).shuffle(10).make_one_shot_iterator()
        return Checkpoint(mean=nf.contrib.eager.metrics.Mean("loss"), other=keras.metrics.Mean(), it=numbers)
    first = make()
    for k in range(4):
        first.mean(float(next(first.it)))
        first.other(float(k))
    path = first.save(tmp_path / "x")
    rest = [x.numpy() for x in first.it]
    second = make()
    second.restore(path).assert_existing_objects_matched()
    assert [x.numpy() for x in second.it] == rest
    assert second.mean.result().numpy() == first.mean.result().numpy()
    assert second.other.result().numpy() == 1.5


# ---- several at once
def test_several_save_into_one_folder(tmp_path):
    def save(name):
        root = Checkpoint(v=nf.Variable(np.full(1000, name)))
        for _ in range(10):
            root.save(tmp_path / str(name))
    threads = [threading.Thread(target=save, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {f"{k}-{n}.safetensors" for k in range(4) for n in range(1, 11)}
    assert set(os.listdir(tmp_path)) == names | {"checkpoint"}
    root = Checkpoint(v=nf.Variable(np.zeros(1000, np.int64)))
    for k in range(4):
        root.restore(tmp_path / f"{k}-10").assert_consumed()
        assert (root.v.numpy() == k).all()
    assert nf.train.latest_checkpoint(tmp_path) in {str(tmp_path / f"{k}-10") for k in range(4)}


# ---- at the end
PROGRAM = """
import sys, numbaflow as nf
path = nf.train.Checkpoint(v=nf.Variable(1.0), w=nf.Variable(1.0)).save(sys.argv[1])
root = nf.train.Checkpoint(v=nf.Variable(1.0))
status = root.restore(path)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("more", "expected"), [("", True), ("status.expect_partial()", False),
                                                ("root.w = nf.Variable(2.0)", False)])
def test_what_was_not_used_is_logged_at_the_end_of_a_program(tmp_path, more, expected):
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM + more, tmp_path / "x"],
                          capture_output=True, text=True, check=True)
    assert ("not all of its values were used: no object for (root).w." in done.stderr) == expected
    assert expected or not done.stderr
