"""Whole training runs: a convolutional network on real digits, and one that is killed and goes on."""
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import numbaflow as nf

keras = nf.keras
layers, callbacks = keras.layers, keras.callbacks


@pytest.mark.slow
def test_a_convolutional_network_reads_98_of_100_digits(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("tensorboard")
    (x, y), (u, v) = keras.datasets.digits.load_data()
    x, u = x[..., None] / 16.0, u[..., None] / 16.0
    model = keras.Sequential([
        layers.Conv2D(16, 3, activation="relu", padding="same"), layers.MaxPooling2D(),
        layers.Conv2D(32, 3, activation="relu", padding="same"), layers.Flatten(),
        layers.Dropout(0.3), layers.Dense(10, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    saving = callbacks.ModelCheckpoint(tmp_path / "best", "val_accuracy", save_best_only=True,
                                       save_weights_only=True)
    history = model.fit(x, y, epochs=20, verbose=0, validation_data=(u, v), callbacks=[
        saving, callbacks.ReduceLROnPlateau(patience=3), callbacks.TensorBoard(tmp_path / "logs")]).history
    assert max(history["val_accuracy"]) >= 0.98
    model.load_weights(tmp_path / "best").expect_partial()
    assert model.evaluate(u, v, verbose=0)[1] == pytest.approx(max(history["val_accuracy"]))
    assert list((tmp_path / "logs" / "validation").iterdir())


RUN = """
import sys
import numpy as np
import numbaflow as nf

folder = sys.argv[1]
x = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]
model = nf.keras.Sequential([nf.keras.layers.Dense(8, input_shape=(1,)), nf.keras.layers.Dense(1)])
model.compile(nf.keras.optimizers.Adam(0.01), "mse")
saving = nf.keras.callbacks.ModelCheckpoint(folder + "/run", save_weights_only=True,
                                            load_weights_on_restart=True)
model.fit(x, 2 * x, epochs=10**6, verbose=0, callbacks=[saving])
"""


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_from_its_last_checkpoint(tmp_path):
    steps = [0]
    for delay in (0.0, 0.05, 0.11):
        process = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)])
        before = steps[-1]
        deadline = time.monotonic() + 60
        while (found := saved_steps(tmp_path)) <= before:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert saved_steps(tmp_path) >= found
        steps.append(saved_steps(tmp_path))
    assert steps == sorted(set(steps))
    values = [nf.train.load_variable(str(tmp_path / "run"), name)
              for name, _ in nf.train.list_variables(str(tmp_path / "run"))]
    assert all(np.isfinite(v).all() for v in values)


def saved_steps(folder):
    """The number of steps that the optimizer in the latest checkpoint has taken; 0 without one."""
    latest, name = nf.train.latest_checkpoint(str(folder)), "optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE"
    return 0 if latest is None else int(nf.train.load_variable(latest, name))
