"""The programs of the eager guide, as a user types them in one session, and what they print.

They stand in programs/, one file a section, and run in the guide's order in one console that imports the
library once, `import numbaflow as tf`.  Where the guide's text has lost characters, the true output is here.
"""
import re
import socket
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import numbaflow as nf
from numbaflow.summary import recording

from .console import run

PROGRAMS = Path(__file__).parent / "programs"
SECTIONS = ["setup", "arrays", "fizzbuzz", "layer", "models", "tape", "mnist", "regression", "lifetime",
            "checkpoint", "checkpoint_model", "metrics", "summaries", "line_search", "gradient_functions",
            "custom_gradient", "performance", "devices", "graphs"]


def write_digits(path, count=3200):
    """A file like MNIST's, of scikit-learn's digits at three times their size with a margin of two pixels."""
    digits = load_digits()
    small = np.pad(np.kron(digits.images * (255 / 16), np.ones((1, 3, 3))), [(0, 0), (2, 2), (2, 2)])
    at = np.arange(count) % len(small)
    images, labels = small[at].astype(np.uint8), digits.target[at].astype(np.uint8)
    np.savez(path, x_train=images, y_train=labels, x_test=images[:100], y_test=labels[:100])


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """For each program what it printed, and the names as they stood after it."""
    folder, names, found = tmp_path_factory.mktemp("guide"), {"__name__": "__console__"}, {}
    write_digits(folder / "mnist.npz")
    nf.set_random_seed(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MPLBACKEND", "Agg")
        patch.setattr(recording.here, "writer", None)
        for section in SECTIONS:
            path = PROGRAMS / f"{section}.py"
            found[section] = run(path.read_text(), names, str(path)), dict(names)
    return found, folder


def lines(session, section):
    return session[0][section][0].splitlines()


def after(session, section, name):
    return session[0][section][1][name]


def test_every_program_is_run():
    assert sorted(SECTIONS) == sorted(path.stem for path in PROGRAMS.glob("*.py"))


# What is printed, where that is the same at each run.
PRINTED = {
    "setup": """\
True
the product is [[4.]]
""",
    "arrays": """\
tf.Tensor(
[[1 2]
 [3 4]], shape=(2, 2), dtype=int32)
tf.Tensor(
[[2 3]
 [4 5]], shape=(2, 2), dtype=int32)
tf.Tensor(
[[ 2  6]
 [12 20]], shape=(2, 2), dtype=int32)
[[ 2  6]
 [12 20]]
[[1 2]
 [3 4]]
""",
    "fizzbuzz": """\
1
2
Fizz
4
Buzz
Fizz
7
8
Fizz
Buzz
11
Fizz
13
14
FizzBuzz
tf.Tensor(15, shape=(), dtype=int32)
""",
    "layer": """\
[]
(2, 4)
[('guide_projection/kernel:0', (3, 4))]
True
""",
    "models": """\
[(784, 10), (10,), (10, 10), (10,)]
(5, 10)
True
(5, 10)
[(784, 10), (10,), (10, 10), (10,)]
""",
    "lifetime": """\
None
""",
    "checkpoint": """\
'./ckpt/-1'
<tf.Variable 'Variable:0' shape=() dtype=float32, numpy=2.0>
""",
    "checkpoint_model": """\
True
'CheckpointLoadStatus'
False
True
""",
    "line_search": """\
0.0 0.0
""",
    "gradient_functions": f"""\
{np.float32(9.0)!r}
{np.float32(6.0)!r}
{np.float32(2.0)!r}
[None]
{np.float32(1.0)!r}
{np.float32(-1.0)!r}
({np.float32(9.0)!r}, [{np.float32(6.0)!r}])
""",
    "custom_gradient": f"""\
{np.array([2.121, 2.121], np.float32)!r}
{np.float32(0.5)!r}
{np.float32(np.nan)!r}
{np.float32(0.5)!r}
{np.float32(1.0)!r}
""",
    "devices": """\
'/job:localhost/replica:0/task:0/device:CPU:0'
1
""",
    "graphs": f"""\
tf.Tensor([[4.]], shape=(1, 1), dtype=float32)
{np.array([[4.0]], np.float32)!r}
""",
}


@pytest.mark.parametrize("section", PRINTED)
def test_what_the_guide_prints(session, section):
    assert session[0][section][0] == PRINTED[section]


def test_a_tape_gives_one_gradient(session):
    first, *rest = lines(session, "tape")
    assert first == "tf.Tensor([[2.]], shape=(1, 1), dtype=float32)"
    assert rest[-2] == "RuntimeError: GradientTape.gradient can only be called once on non-persistent tapes."


def test_training_on_digits(session):
    first, dots, *rest = lines(session, "mnist")
    assert first == "logits of one image: (1, 10) float32 True"
    assert dots == "." * 10
    assert rest == ["Text(0.5, 0, 'Batch #')", "Text(0, 0.5, 'Loss [entropy]')"]
    history = after(session, "mnist", "loss_history")
    assert len(history) == 100
    assert history[0] == pytest.approx(np.log(10), abs=0.2)
    assert np.mean(history[-10:]) < np.mean(history[:10])      # (100 steps of this rate are the beginning)
    assert [v.shape for v in after(session, "mnist", "mnist_model").variables] == [
        (3, 3, 1, 16), (16,), (3, 3, 16, 16), (16,), (16, 10), (10,)]
    assert (session[1] / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_linear_regression_finds_the_line(session):
    start, *steps, end, found, names, count = lines(session, "regression")
    losses = [float(re.fullmatch(r"Loss at step \d{3}: (\d+\.\d{3})", line)[1]) for line in steps]
    assert float(start.removeprefix("Initial loss: ")) == pytest.approx(69, abs=8)
    assert [line[13:16] for line in steps] == [f"{k:03d}" for k in range(0, 300, 20)]
    assert losses == sorted(losses, reverse=True)
    assert float(end.removeprefix("Final loss: ")) == pytest.approx(1.0, abs=0.15)
    w, b = map(float, re.fullmatch(r"W = (\S+), B = (\S+)", found).groups())
    assert (w, b) == (pytest.approx(3, abs=0.1), pytest.approx(2, abs=0.1))
    assert (names, count) == ("['weight:0', 'bias:0']", "300")


def test_metrics(session):
    *_, last = lines(session, "metrics")
    assert re.fullmatch(r"<tf.Tensor: id=\d+, shape=\(\), dtype=float64, numpy=5.5>", last)
    assert any("dtype=float64, numpy=2.5>" in line for line in lines(session, "metrics"))


def test_summaries(session):
    name, = lines(session, "summaries")
    assert re.fullmatch(rf"events\.out\.tfevents\.\d{{10}}\.{re.escape(socket.gethostname())}\.v2", name)


def test_performance(session):
    first, cpu, gpu = lines(session, "performance")
    assert first == "Time to multiply a (100, 100) matrix by itself 20 times:"
    assert float(re.fullmatch(r"CPU: (\S+) secs", cpu)[1]) > 0
    assert gpu == "GPU: not found"
