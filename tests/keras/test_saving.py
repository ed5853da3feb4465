"""Model.save_weights and load_weights: checkpoints with the model as their root."""
import os

import numpy as np
import pytest

import numbaflow as nf

keras = nf.keras
layers = keras.layers


def net():
    return keras.Sequential([layers.Dense(4, activation="relu"), layers.BatchNormalization(),
                             layers.Dense(1)])


def trained(epochs=3):
    nf.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 3)).astype(np.float32)
    y = x.sum(1, keepdims=True)
    model = net()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(x, y, 8, epochs, verbose=0, shuffle=False)
    return model, x, y


def test_weights_come_back_and_the_folder_knows_the_latest(tmp_path):
    model, x, _ = trained()
    path = str(tmp_path / "deep" / "weights")
    model.save_weights(path)
    assert nf.train.latest_checkpoint(str(tmp_path / "deep")) == path
    other = net()
    other(x)
    other.load_weights(path).expect_partial().assert_existing_objects_matched()
    np.testing.assert_array_equal(other.predict(x), model.predict(x))
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    model.load_weights(path).assert_consumed()
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


def test_a_model_that_is_not_built_takes_its_weights_when_it_is(tmp_path):
    model, x, _ = trained()
    model.save_weights(tmp_path / "weights")
    other = net()
    other.load_weights(tmp_path / "weights").expect_partial()
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


def test_training_goes_on_as_if_it_had_not_stopped(tmp_path):
    straight, *_ = trained(5)
    first, x, y = trained(3)
    first.save_weights(tmp_path / "weights")
    second = net()
    second.compile(keras.optimizers.Adam(0.01), "mse")
    second.load_weights(tmp_path / "weights")
    second.fit(x, y, 8, 2, verbose=0, shuffle=False)
    for a, b in zip(straight.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_subclassed_and_functional_models_too(tmp_path):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [layers.Dense(3), layers.Dense(1)]

        def call(self, x):
            return self.parts[1](self.parts[0](x))

    def functional():
        x = keras.Input(shape=(2,))
        return keras.Model(x, layers.Dense(1)(layers.Dense(3)(x)))

    x = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    for make in (Own, functional):
        model, other = make(), make()
        model.predict(x)
        model.save_weights(tmp_path / make.__name__)
        other.load_weights(tmp_path / make.__name__)
        np.testing.assert_array_equal(other.predict(x), model.predict(x))


def test_what_is_there_is_kept_if_it_is_not_to_be_overwritten(tmp_path):
    model, *_ = trained()
    model.save_weights(tmp_path / "weights")
    with pytest.raises(FileExistsError, match=r"weights.* exists, and overwrite is False"):
        model.save_weights(tmp_path / "weights", overwrite=False)
    model.save_weights(tmp_path / "weights")
    model.save_weights(tmp_path / "more", overwrite=False, save_format="tf")


@pytest.mark.parametrize(("name", "save_format", "error", "message"), [
    ("w", "onnx", ValueError, 'Unknown format "onnx". Was expecting one of {"tf", "h5"}.'),
    ("w.h5", "tf", ValueError, "looks like an HDF5 file"),
    ("w.h5", None, NotImplementedError, "names an HDF5 file, which numbaflow does not read or write"),
    ("w.keras", None, NotImplementedError, "Use the default format"),
    ("w", "h5", NotImplementedError, "HDF5")])
def test_formats_that_are_refused(tmp_path, name, save_format, error, message):
    model, *_ = trained(1)
    with pytest.raises(error) as caught:
        model.save_weights(tmp_path / name, save_format=save_format)
    assert message in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_what_can_not_be_loaded(tmp_path):
    model, *_ = trained(1)
    with pytest.raises(NotImplementedError, match="names an HDF5 file"):
        model.load_weights(tmp_path / "w.h5")
    with pytest.raises(NotImplementedError, match="by_name goes with HDF5 files only"):
        model.load_weights(tmp_path / "w", by_name=True)
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "w")
    nf.train.Checkpoint(other=nf.Variable(1.0)).write(str(tmp_path / "w"))
    with pytest.raises(AssertionError, match="Nothing except the root object matched"):
        model.load_weights(tmp_path / "w")


def test_a_model_that_is_not_compiled_is_saved_whole(tmp_path):
    model, x = functional(), np.ones((2, 3), np.float32)
    model.save(tmp_path / "model")
    again = keras.models.load_model(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(x)[1], model.predict(x)[1])


def test_a_model_without_weights_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="has no weights yet"):
        keras.Sequential([layers.Flatten(input_shape=(2,))]).save_weights(tmp_path / "w")
    with pytest.raises(ValueError, match=r"not yet been created|has no weights yet"):
        net().save_weights(tmp_path / "w")


# ---- whole models
def functional():
    x = keras.Input(shape=(3,))
    y = layers.Dense(4, activation="relu", name="hidden")(x)
    return keras.Model(x, [layers.Dense(1, name="a")(y), layers.Dense(2, name="b")(y)])


def test_a_whole_model_comes_back_and_trains_on_as_if_it_had_not_stopped(tmp_path):
    straight, *_ = trained(5)
    model, x, y = trained(3)
    model.save(tmp_path / "model")
    again = keras.models.load_model(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    again.fit(x, y, 8, 2, verbose=0, shuffle=False)
    for a, b in zip(straight.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_whole_functional_model_keeps_how_it_is_trained(tmp_path):
    x, y = np.ones((8, 3), np.float32), [np.ones((8, 1)), np.zeros((8, 2))]
    model = functional()
    model.compile(keras.optimizers.RMSprop(0.01, clipnorm=1.0), {"a": "mse", "b": keras.losses.Huber(0.5)},
                  metrics={"b": ["mae", keras.metrics.RootMeanSquaredError()]},
                  loss_weights={"a": 1.0, "b": 2.0})
    model.fit(x, y, verbose=0)
    keras.models.save_model(model, tmp_path / "model")
    again = keras.models.load_model(tmp_path / "model")
    assert again.metrics_names == model.metrics_names
    assert again.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0))
    assert again.optimizer.get_config() == model.optimizer.get_config()
    assert int(again.optimizer.iterations) == 1
    assert nf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model")


def test_objects_of_ones_own_are_found_by_their_names(tmp_path):
    class Scaled(layers.Layer):
        def __init__(self, by, **kwargs):
            super().__init__(**kwargs)
            self.by = by

        def call(self, x):
            return x * self.by

        def get_config(self):
            return {**super().get_config(), "by": self.by}

    def cubes(y_true, y_pred):
        return nf.reduce_mean(nf.abs(y_true - y_pred)**3, -1)

    x = np.ones((2, 3), np.float32)
    model = keras.Sequential([layers.Dense(1, input_shape=(3,)), Scaled(3.0)])
    model.compile("sgd", cubes, metrics=[cubes])
    model.save(tmp_path / "model")
    own = {"Scaled": Scaled, "cubes": cubes}
    again = keras.models.load_model(tmp_path / "model", custom_objects=own)
    assert again.evaluate(x, x[:, :1], verbose=0) == pytest.approx(model.evaluate(x, x[:, :1], verbose=0))
    with keras.utils.custom_object_scope(own):
        again = keras.models.load_model(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    with pytest.raises(ValueError, match="Unknown layer: 'Scaled'"):
        keras.models.load_model(tmp_path / "model")
    with pytest.raises(ValueError, match="Unknown loss function: 'cubes'"):
        keras.models.load_model(tmp_path / "model", {"Scaled": Scaled})


def test_what_has_no_name_is_left_out_with_a_warning(tmp_path, caplog):
    model, x, _ = trained(1)
    for optimizer, loss in ((nf.train.AdamOptimizer(), "mse"), ("adam", lambda a, b: nf.reduce_mean(b))):
        caplog.clear()
        model.compile(optimizer, loss)
        model.save(tmp_path / "model")
        assert "is saved without how it is trained" in caplog.text
        again = keras.models.load_model(tmp_path / "model")
        np.testing.assert_array_equal(again.predict(x), model.predict(x))
        with pytest.raises(RuntimeError, match="must compile"):
            again.evaluate(x, x)


def test_parts_of_a_whole_model(tmp_path):
    model, x, y = trained(1)
    model.save(tmp_path / "lean", include_optimizer=False)
    model.save(tmp_path / "whole")
    assert not any("optimizer" in name for name, _ in nf.train.list_variables(str(tmp_path / "lean")))
    assert any("optimizer" in name for name, _ in nf.train.list_variables(str(tmp_path / "whole")))
    for path, options in (("lean", {}), ("whole", {"compile": False})):
        with pytest.raises(RuntimeError, match="must compile"):
            keras.models.load_model(tmp_path / path, **options).evaluate(x, y)
    other = net()
    other.load_weights(tmp_path / "whole").expect_partial()
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


def test_what_can_not_be_saved_or_loaded_as_a_whole(tmp_path):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model.predict(np.ones((1, 2)))
    with pytest.raises(NotImplementedError, match="use save_weights and load_weights"):
        model.save(tmp_path / "own")
    assert os.listdir(tmp_path) == []
    with pytest.raises(NotImplementedError, match="HDF5"):
        trained(1)[0].save(tmp_path / "model.h5")
    model.save_weights(tmp_path / "own")
    with pytest.raises(OSError, match="holds no whole model; was it saved with save_weights"):
        keras.models.load_model(tmp_path / "own")
    with pytest.raises(FileNotFoundError):
        keras.models.load_model(tmp_path / "gone")


def test_model_checkpoint_saves_whole_models(tmp_path):
    model, x, y = trained(1)
    model.fit(x, y, epochs=2, verbose=0, callbacks=[keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}")])
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "2").predict(x), model.predict(x))
