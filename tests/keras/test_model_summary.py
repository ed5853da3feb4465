"""Model.summary prints a table whose counts are right."""
import pytest

import numbaflow as nf

keras = nf.keras
layers = keras.layers


def printed(model, **arguments):
    lines = []
    model.summary(print_fn=lines.append, **arguments)
    return lines


def counts(lines):
    return [int(line.split(": ")[1].replace(",", "")) for line in lines if "params: " in line]


def test_a_sequential_model():
    model = keras.Sequential([
        layers.Dense(32, input_shape=(8,), name="first"), layers.BatchNormalization(name="n"),
        layers.Dense(1000, name="a_layer_with_a_name_that_is_long")], name="net")
    lines = printed(model)
    assert lines[0] == 'Model: "net"'
    assert lines[1] == "_" * 65
    assert lines[2].split() == ["Layer", "(type)", "Output", "Shape", "Param", "#"]
    assert lines[3] == "=" * 65
    assert lines[4].split() == ["first", "(Dense)", "(None,", "32)", "288"]
    assert lines[6].split()[-1] == "128"
    assert counts(lines) == [288 + 128 + 33000, 288 + 64 + 33000, 64]
    assert lines[-4:-1] == ["Total params: 33,416", "Trainable params: 33,352", "Non-trainable params: 64"]
    assert all(len(line) <= 65 for line in lines)
    assert len({line.index("(None") for line in lines if "(None" in line}) == 1


def test_layers_that_are_shared_count_once():
    class Twice(keras.Model):
        def __init__(self):
            super().__init__()
            self.a = layers.Dense(3)
            self.b = self.a
            self.inner = keras.Sequential([self.a])

        def call(self, x):
            return self.inner(self.b(self.a(x)))
    model = Twice()
    model(nf.ones([2, 3]))
    lines = printed(model)
    assert counts(lines) == [12, 12, 0]
    assert len([line for line in lines if "(Dense)" in line]) == 1


def test_frozen_layers_are_not_trainable():
    model = keras.Sequential([layers.Dense(2, input_shape=(3,)), layers.Dense(1)])
    model.layers[0].trainable = False
    assert counts(printed(model)) == [11, 3, 8]


def test_branches_tell_where_their_inputs_come_from():
    x = keras.Input(shape=(4,), name="x")
    a, b = layers.Dense(2, name="a")(x), layers.Dense(2, name="b")(x)
    model = keras.Model(x, layers.Add(name="sum")([a, b]))
    lines = printed(model)
    assert len(lines[1]) == 98
    assert "Connected to" in lines[2]
    at = next(k for k, line in enumerate(lines) if line.startswith("sum"))
    assert lines[at].endswith("a[0][0]")
    assert lines[at + 1].strip() == "b[0][0]"
    assert counts(lines) == [20, 20, 0]


def test_a_functional_model_that_is_a_stack_is_printed_as_one():
    x = keras.Input(shape=(4,), name="x")
    model = keras.Model(x, layers.Dense(2, name="b")(layers.Dense(3, name="a")(x)))
    lines = printed(model)
    assert len(lines[1]) == 65
    assert [line.split()[0] for line in lines[4:10:2]] == ["x", "a", "b"]
    assert counts(lines) == [23, 23, 0]


def test_lengths_and_positions(capsys):
    model = keras.Sequential([layers.Dense(2, input_shape=(3,))])
    lines = printed(model, line_length=40, positions=[20, 30, 40])
    assert lines[1] == "_" * 40
    assert lines[2].index("Output") == 20
    model.summary()
    assert capsys.readouterr().out.splitlines() == printed(model)


def test_a_model_that_is_not_built():
    with pytest.raises(ValueError, match="This model has not yet been built"):
        keras.Sequential([layers.Dense(2)]).summary()
