"""Callbacks are called when they should be, and do what they say."""
import csv
import io
import os

import numpy as np
import pytest

import numbaflow as nf

keras = nf.keras
callbacks, layers = keras.callbacks, keras.layers


def line(n=10):
    x = np.linspace(-1, 1, n, dtype=np.float32)[:, None]
    return x, 2 * x


def linear(optimizer=None):
    model = keras.Sequential([layers.Dense(1, kernel_initializer="zeros")])
    model.compile(optimizer or keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return model


class Scripted(callbacks.Callback):
    """Puts values of its own into the logs of epochs, before other callbacks see them."""

    def __init__(self, **values):
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs.update({name: given[epoch] for name, given in self.values.items()})


def fit(*given, epochs=10, optimizer=None, **scripted):
    """A model trained with callbacks that see scripted values; and its history."""
    model = linear(optimizer)
    history = model.fit(*line(), epochs=epochs, verbose=0, callbacks=[Scripted(**scripted), *given])
    return model, history


# ---- hooks
class Recorder(callbacks.Callback):
    """Notes each hook, its number and the names in its logs."""

    def __init__(self):
        self.calls = []

    def __getattribute__(self, name):
        if not name.startswith("on_"):
            return object.__getattribute__(self, name)

        def note(*args):
            *number, logs = args
            self.calls.append((name, *number, *sorted(logs)))
        return note


def test_hooks_are_called_in_order_with_their_logs():
    recorder = Recorder()
    x, y = line(6)
    model = linear()
    model.fit(x, y, 4, 1, verbose=0, callbacks=[recorder], validation_data=(x, y))
    values = ("loss", "mae")
    assert recorder.calls == [
        ("on_train_begin",), ("on_epoch_begin", 0),
        ("on_train_batch_begin", 0, "batch", "size"), ("on_train_batch_end", 0, "batch", *values, "size"),
        ("on_train_batch_begin", 1, "batch", "size"), ("on_train_batch_end", 1, "batch", *values, "size"),
        ("on_test_begin",),
        ("on_test_batch_begin", 0, "batch", "size"), ("on_test_batch_end", 0, "batch", *values, "size"),
        ("on_test_batch_begin", 1, "batch", "size"), ("on_test_batch_end", 1, "batch", *values, "size"),
        ("on_test_end", *values),
        ("on_epoch_end", 0, *values, "val_loss", "val_mae"), ("on_train_end",)]
    recorder.calls.clear()
    model.predict(x, callbacks=[recorder])
    assert [c[0] for c in recorder.calls] == ["on_predict_begin", "on_predict_batch_begin",
                                              "on_predict_batch_end", "on_predict_end"]
    recorder.calls.clear()
    model.evaluate(x, y, callbacks=[recorder], verbose=0)
    assert [c[0] for c in recorder.calls] == ["on_test_begin", "on_test_batch_begin", "on_test_batch_end",
                                              "on_test_end"]


def test_params_and_model():
    x, y = line(6)
    seen, model = callbacks.Callback(), linear()
    model.fit(x, y, 4, 3, verbose=0, callbacks=seen, validation_split=0.5)
    assert seen.model is model
    assert seen.params == {"batch_size": 4, "epochs": 3, "steps": 1, "samples": 3, "verbose": 0,
                           "do_validation": True, "metrics": ["loss", "mae", "val_loss", "val_mae"]}


def test_a_batch_has_its_own_loss_and_the_metrics_so_far():
    losses, errors = [], []
    seen = callbacks.LambdaCallback(on_batch_end=lambda batch, logs: (losses.append(logs["loss"]),
                                                                      errors.append(logs["mae"])))
    x, y = line(6)
    linear(nf.train.GradientDescentOptimizer(0.0)).fit(x, y, 2, verbose=0, shuffle=False, callbacks=[seen])
    assert losses == pytest.approx([np.mean(y[k:k + 2]**2) for k in (0, 2, 4)], rel=1e-5)
    assert errors == pytest.approx([np.mean(np.abs(y[:k])) for k in (2, 4, 6)], rel=1e-5)


def test_stop_training_ends_after_the_batch():
    def stop(batch, logs):
        model.stop_training = batch == 1
    model = linear()
    batches = []
    history = model.fit(*line(), 2, 3, verbose=0, callbacks=[
        callbacks.LambdaCallback(on_batch_end=stop),
        callbacks.LambdaCallback(on_batch_begin=lambda batch, logs: batches.append(batch))])
    assert batches == [0, 1]
    assert history.epoch == [0]
    assert len(model.fit(*line(), 2, 3, verbose=0).epoch) == 3


def test_lambda_callback_refuses_what_is_no_hook():
    with pytest.raises(TypeError, match="there is no hook 'on_epoch'"):
        callbacks.LambdaCallback(on_epoch=print)


def test_a_callback_list_of_ones_own():
    recorder = callbacks.History()
    model, both = linear(), callbacks.CallbackList([recorder])
    both.append(callbacks.TerminateOnNaN())
    both.set_model(model)
    both.set_params({"epochs": 1})
    both.on_train_begin({})
    both.on_train_batch_end(0, {"loss": float("nan")})
    both.on_epoch_end(0, {"loss": 1.0})
    assert recorder.history == {"loss": [1.0]}
    assert recorder.params == {"epochs": 1}
    assert model.stop_training


def test_what_is_no_callback_is_refused():
    with pytest.raises(TypeError, match=r"a keras\.callbacks\.Callback is expected, got <built-in"):
        fit(print)


# ---- EarlyStopping
def test_early_stopping_waits_for_its_patience():
    losses = [5.0, 4.0, 4.5, 4.2, 3.9, 4.0, 4.0, 4.0, 1.0, 1.0]
    for patience, last in ((0, 2), (1, 2), (2, 3), (3, 7)):
        stopping = callbacks.EarlyStopping("value", patience=patience)
        _, history = fit(stopping, value=losses)
        assert history.epoch[-1] == stopping.stopped_epoch == last


@pytest.mark.parametrize(("arguments", "last"), [
    ({"mode": "max"}, 3), ({"mode": "min"}, 1), ({"min_delta": 0.5, "mode": "max"}, 2),
    ({"baseline": 10.0, "mode": "max"}, 0), ({"baseline": 0.5, "mode": "max"}, 3)])
def test_early_stopping_modes(arguments, last):
    values = [1.0, 2.0, 2.2, 2.1, 5, 6, 7, 8, 9, 9]
    _, history = fit(callbacks.EarlyStopping("value", **arguments), value=values)
    assert history.epoch[-1] == last


def test_early_stopping_goes_by_the_name_where_it_is_not_told():
    _, history = fit(callbacks.EarlyStopping("val_acc"), val_acc=[0.1, 0.2, 0.3, 0.2, 1, 1, 1, 1, 1, 1])
    assert history.epoch[-1] == 3
    _, history = fit(callbacks.EarlyStopping("val_loss"), val_loss=[0.3, 0.2, 0.3, 0.2, 1, 1, 1, 1, 1, 1])
    assert history.epoch[-1] == 2


def test_early_stopping_restores_the_best_weights(capsys):
    weights = {}
    seen = callbacks.LambdaCallback(
        on_epoch_end=lambda e, logs: weights.update({e: seen.model.get_weights()}))
    stopping = callbacks.EarlyStopping("value", patience=2, restore_best_weights=True, verbose=1)
    model, _ = fit(seen, stopping, value=[3.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    np.testing.assert_array_equal(model.get_weights()[0], weights[1][0])
    assert not np.array_equal(weights[1][0], weights[3][0])
    assert capsys.readouterr().out == "Epoch 4: early stopping\n"


@pytest.mark.parametrize("make", [
    lambda: callbacks.EarlyStopping("val_los"), lambda: callbacks.ReduceLROnPlateau("val_los"),
    lambda: callbacks.ModelCheckpoint("nowhere", "val_los", save_best_only=True)])
def test_a_value_that_is_not_there_is_warned_of_with_those_there_are(make, caplog):
    made = make()
    _, history = fit(made, epochs=2)
    assert len(history.epoch) == 2
    assert f"{type(made).__name__}: there is no 'val_los' among the values of this epoch" in caplog.text
    assert "loss" in caplog.text.split("this epoch:")[1]
    assert "mae" in caplog.text.split("this epoch:")[1]


@pytest.mark.parametrize("kind", [callbacks.EarlyStopping, callbacks.ReduceLROnPlateau])
def test_an_unknown_mode_is_refused(kind):
    with pytest.raises(ValueError, match=f"{kind.__name__}: mode is 'auto', 'min' or 'max', got 'up'"):
        kind(mode="up")


def test_terminate_on_nan(capsys):
    x, y = line(6)
    y[3] = np.nan
    batches = []
    seen = callbacks.LambdaCallback(on_batch_begin=lambda batch, logs: batches.append(batch))
    history = linear().fit(x, y, 2, 5, verbose=0, shuffle=False, callbacks=[callbacks.TerminateOnNaN(), seen])
    assert batches == [0, 1]
    assert len(history.epoch) == 1
    assert capsys.readouterr().out == "Batch 1: the loss is nan, training ends\n"


# ---- learning rates
@pytest.mark.parametrize("make", [lambda: keras.optimizers.SGD(0.1), lambda: keras.optimizers.Adam(0.1)])
def test_learning_rate_scheduler(make, capsys):
    for schedule in (lambda epoch: 0.1 / (epoch + 1), lambda epoch, rate: rate if epoch == 0 else
                     rate * epoch / (epoch + 1)):
        model, history = fit(callbacks.LearningRateScheduler(schedule, verbose=1), epochs=3, optimizer=make())
        assert history.history["lr"] == pytest.approx([0.1, 0.05, 0.1 / 3], rel=1e-5)
        assert float(model.optimizer.lr) == pytest.approx(0.1 / 3, rel=1e-5)
        assert capsys.readouterr().out.splitlines()[1] == "Epoch 2: learning rate 0.05"


def test_a_rate_that_is_set_is_the_rate_of_the_steps():
    still, _ = fit(callbacks.LearningRateScheduler(lambda epoch: 0.0))
    assert not still.get_weights()[0].any()
    moved, _ = fit(callbacks.LearningRateScheduler(lambda epoch: 0.5))
    slower, _ = fit(callbacks.LearningRateScheduler(lambda epoch: 0.01))
    assert abs(moved.get_weights()[0] - 2.0) < abs(slower.get_weights()[0] - 2.0)


def test_a_schedule_that_gives_no_number_is_refused():
    with pytest.raises(ValueError, match="should give a number, got None for epoch 0"):
        fit(callbacks.LearningRateScheduler(lambda epoch: None))


def test_a_schedule_of_any_number_of_arguments_gets_the_rate_too():
    _, history = fit(callbacks.LearningRateScheduler(lambda *given: given[1] / 2), epochs=2)
    assert history.history["lr"] == pytest.approx([0.05, 0.025], rel=1e-5)


def test_an_optimizer_of_ones_own_needs_a_learning_rate_that_is_a_number():
    class Plain(nf.train.GradientDescentOptimizer):
        learning_rate = 0.1

        def _constants(self):
            return (self.learning_rate,)

    model, _ = fit(callbacks.LearningRateScheduler(lambda epoch: 0.0), optimizer=Plain(1.0))
    assert model.optimizer.learning_rate == 0.0
    assert not model.get_weights()[0].any()
    bare = keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5))
    with pytest.raises(ValueError, match="the learning rate of SGD is a function or schedule"):
        fit(callbacks.ReduceLROnPlateau("loss"), optimizer=bare)

    class Bare(nf.train.Optimizer):
        lr = property()

    with pytest.raises(ValueError, match="Bare has no learning rate to change"):
        callbacks.rates.learning_rate(Bare(False, "bare"))


def test_reduce_lr_on_plateau(capsys):
    values = [3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0]
    for arguments, expected in (
            ({"patience": 2}, [0.1] * 4 + [0.01] * 2 + [0.001] * 4 + [0.0001]),
            ({"patience": 1, "cooldown": 3}, [0.1] * 3 + [0.01] * 3 + [0.001] * 3 + [0.0001] * 2),
            ({"patience": 1, "min_lr": 0.05}, [0.1] * 3 + [0.05] * 8),
            ({"patience": 1, "mode": "max"}, [0.1] * 2 + [10.0**-k for k in range(2, 11)])):
        model, history = fit(callbacks.ReduceLROnPlateau("value", verbose=1, **arguments), value=values)
        rates = [*history.history["lr"], float(model.optimizer.lr)]
        assert rates == pytest.approx(expected, rel=1e-5)
        assert "the learning rate goes from 0.1 to" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"a factor below 1\.0 is expected, got 2"):
        callbacks.ReduceLROnPlateau(factor=2)


# ---- ModelCheckpoint
def saved(folder):
    return sorted(name for name in os.listdir(folder) if name != "checkpoint")


def test_model_checkpoint_fills_in_the_name_and_what_it_saves_can_be_loaded(tmp_path, capsys):
    path = str(tmp_path / "w-{epoch:02d}-{value:.1f}")
    saving = callbacks.ModelCheckpoint(path, save_weights_only=True, verbose=1)
    model, _ = fit(saving, value=[3.0, 1.0], epochs=2)
    assert [name.split(".safe")[0] for name in saved(tmp_path)] == ["w-01-3.0", "w-02-1.0"]
    assert capsys.readouterr().out.splitlines()[0] == f"Epoch 1: saving to {tmp_path}/w-01-3.0"
    other = linear()
    other.load_weights(nf.train.latest_checkpoint(str(tmp_path)))
    x, _ = line()
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


def test_model_checkpoint_saves_the_best_only(tmp_path):
    for mode, names in (("min", ["1", "2", "4"]), ("max", ["1", "5"])):
        folder = tmp_path / mode
        saving = callbacks.ModelCheckpoint(folder / "{epoch}", "value", save_best_only=True,
                                           save_weights_only=True, mode=mode)
        fit(saving, value=[3.0, 1.0, 2.0, 0.5, 4.0], epochs=5)
        assert [name.split(".")[0] for name in saved(folder)] == names


def test_model_checkpoint_by_period_and_by_examples(tmp_path):
    fit(callbacks.ModelCheckpoint(tmp_path / "a" / "{epoch}", save_weights_only=True, period=2), epochs=5)
    assert [name.split(".")[0] for name in saved(tmp_path / "a")] == ["2", "4"]
    by_examples = callbacks.ModelCheckpoint(tmp_path / "b" / "{batch}", save_weights_only=True, save_freq=4)
    linear().fit(*line(), 2, verbose=0, callbacks=[by_examples])
    assert [name.split(".")[0] for name in saved(tmp_path / "b")] == ["1", "3"]
    with pytest.raises(ValueError, match="save_freq is 'epoch' or a number of examples, got 'batch'"):
        callbacks.ModelCheckpoint("x", save_freq="batch")


def test_model_checkpoint_goes_on_after_a_restart(tmp_path):
    saving = callbacks.ModelCheckpoint(tmp_path / "{epoch}", save_weights_only=True,
                                       load_weights_on_restart=True)
    model, _ = fit(saving, epochs=3)
    begun = []
    seen = callbacks.LambdaCallback(on_epoch_begin=lambda e, logs: begun.append(again.get_weights()[0]))
    again = linear()
    again.predict(line()[0])
    again.fit(*line(), verbose=0, epochs=1, callbacks=[saving, seen])
    np.testing.assert_array_equal(begun[0], model.get_weights()[0])


def test_model_checkpoint_names_a_value_that_is_not_there(tmp_path):
    with pytest.raises(KeyError, match="names 'val_loss', which is not among epoch, loss, mae"):
        fit(callbacks.ModelCheckpoint(tmp_path / "{val_loss}", save_weights_only=True))


# ---- CSVLogger
def test_csv_logger_writes_and_appends(tmp_path):
    path = tmp_path / "log.csv"
    _, first = fit(callbacks.CSVLogger(path), epochs=2)
    _, second = fit(callbacks.CSVLogger(path, append=True), epochs=1)
    with open(path) as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "0"]
    assert [float(row["loss"]) for row in rows] == first.history["loss"] + second.history["loss"]
    assert list(rows[0]) == ["epoch", "loss", "mae"]
    fit(callbacks.CSVLogger(path, separator=";"), epochs=1)
    assert path.read_text().splitlines()[0] == "epoch;loss;mae"
    assert len(path.read_text().splitlines()) == 2


def test_csv_logger_writes_na_and_refuses_values_without_a_column(tmp_path):
    path = tmp_path / "log.csv"
    x, y = line()
    linear().fit(x, y, epochs=2, verbose=0, validation_data=(x, y), validation_freq=[1],
                 callbacks=[callbacks.CSVLogger(path)])
    assert path.read_text().splitlines()[-1].endswith("NA,NA")
    path.write_text("epoch,loss\n")
    with pytest.raises(ValueError, match=r"no column for mae in .*log\.csv, which has epoch, loss"):
        fit(callbacks.CSVLogger(path, append=True))


# ---- TensorBoard
def events(folder):
    """tag -> [(step, value)] of a folder's scalars, and the tags of its histograms."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    held = EventAccumulator(str(folder)).Reload()
    tags = held.Tags()
    return ({t: [(e.step, e.value) for e in held.Scalars(t)] for t in tags["scalars"]}, tags["histograms"])


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    x, y = line()
    model = linear()
    board = callbacks.TensorBoard(tmp_path, histogram_freq=1, update_freq="batch")
    history = model.fit(x, y, 5, 3, verbose=0, validation_data=(x, y), callbacks=[board]).history
    train, histograms = events(tmp_path / "train")
    held, _ = events(tmp_path / "validation")
    assert [s for s, _ in train["epoch_loss"]] == [0, 1, 2]
    assert [v for _, v in train["epoch_loss"]] == pytest.approx(history["loss"], rel=1e-5)
    assert [v for _, v in held["epoch_mae"]] == pytest.approx(history["val_mae"], rel=1e-5)
    assert [s for s, _ in train["batch_loss"]] == list(range(6))
    assert set(held) == {"epoch_loss", "epoch_mae"}
    assert len(histograms) == 2
    assert "kernel" in histograms[0]


def test_tensorboard_by_examples_and_by_epochs(tmp_path):
    pytest.importorskip("tensorboard")
    for frequency, steps in ((4, [1, 3]), ("epoch", None)):
        folder = tmp_path / str(frequency)
        linear().fit(*line(), 2, verbose=0, callbacks=[callbacks.TensorBoard(folder, update_freq=frequency)])
        train, histograms = events(folder / "train")
        assert [s for s, _ in train.get("batch_loss", ())] == (steps or [])
        assert not histograms
        assert os.listdir(folder) == ["train"]
    with pytest.raises(ValueError, match="update_freq is 'epoch', 'batch' or a number"):
        callbacks.TensorBoard(update_freq="often")
    with pytest.raises(NotImplementedError, match="write_images is not supported"):
        callbacks.TensorBoard(write_images=True)


def test_what_was_written_is_kept_when_training_breaks_off(tmp_path):
    pytest.importorskip("tensorboard")

    def fail(epoch, logs):
        if epoch == 1:
            raise KeyboardInterrupt
    board, breaking = callbacks.TensorBoard(tmp_path), callbacks.LambdaCallback(on_epoch_begin=fail)
    with pytest.raises(KeyboardInterrupt):
        fit(board, breaking)
    train, _ = events(tmp_path / "train")
    assert [s for s, _ in train["epoch_loss"]] == [0]
    assert not board._writers


# ---- progress
class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_an_epoch_on_a_terminal(monkeypatch, capsys):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("numbaflow.keras.callbacks.progress._INTERVAL", -1.0)
    x, y = line()
    model = linear()
    history = model.fit(x, y, 2, 2, validation_data=(x, y)).history
    text = screen.getvalue()
    last = [part for part in text.split("\r") if "Epoch 2/2: 100%" in part][-1]
    assert "5/5" in last
    for name in ("loss", "mae", "val_loss", "val_mae"):
        assert f"{name}: {history[name][-1]:.4f}" in last
    assert "Epoch 1/2:  40%" in text
    assert text.endswith("\n")
    model.evaluate(x, y, 2)
    assert "Evaluation: 100%" in screen.getvalue()
    model.predict(x, 2, verbose=1)
    assert "Prediction: 100%" in screen.getvalue()
    assert capsys.readouterr().out == ""


def test_a_line_an_epoch_elsewhere(capsys):
    x, y = line()
    model = linear()
    for verbose in (1, 2):
        history = model.fit(x, y, epochs=2, verbose=verbose, validation_data=(x, y)).history
        printed = capsys.readouterr()
        assert printed.err == ""
        lines = printed.out.splitlines()
        assert len(lines) == 2
        assert lines[1].startswith("Epoch 2/2 - 0.")
        assert f" - val_mae: {history['val_mae'][1]:.4f}" in lines[1]
    model.evaluate(x, y)
    assert capsys.readouterr().out.startswith("Evaluation - ")
    model.fit(x, y, verbose=0)
    model.predict(x)
    assert capsys.readouterr().out == ""


def test_verbose_2_has_no_bar_on_a_terminal(monkeypatch, capsys):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    linear().fit(*line(), verbose=2)
    assert screen.getvalue() == ""
    assert capsys.readouterr().out.startswith("Epoch 1/1 - ")


def test_the_bar_is_taken_down_when_training_breaks_off(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)

    def fail(batch, logs):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        linear().fit(*line(), callbacks=[callbacks.LambdaCallback(on_batch_end=fail)])
    assert screen.getvalue().endswith("\n")


def test_a_bar_of_unknown_length_and_one_of_samples(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("numbaflow.keras.callbacks.progress._INTERVAL", -1.0)
    x, y = line(6)
    data = nf.data.Dataset.from_tensor_slices((x, y)).batch(2).filter(lambda a, b: True)
    model = linear()
    model.fit(data, epochs=2)
    assert "Epoch 1/2: 3 00:00, loss: " in screen.getvalue()
    assert "Epoch 2/2: 100%" in screen.getvalue()
    model.fit(x, y, 4, verbose=0, callbacks=[callbacks.ProgbarLogger("samples")])
    assert "6/6" not in screen.getvalue()
    model.fit(x, y, 4, callbacks=[callbacks.ProgbarLogger("samples")])
    assert "4/6" in screen.getvalue()
    assert "6/6" in screen.getvalue()
    callbacks.ProgbarLogger().on_train_batch_end(0, {"loss": 1.0})
    with pytest.raises(ValueError, match="count_mode is 'steps' or 'samples', got 'time'"):
        callbacks.ProgbarLogger("time")
