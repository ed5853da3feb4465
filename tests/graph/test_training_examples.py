"""The examples' training steps, run eagerly and as compiled functions from the same weights."""
import importlib.util
from pathlib import Path

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.graph.function import function

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name, *needs):
    for module in needs:
        pytest.importorskip(module)
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def normal(*shape):
    return nf.constant(np.random.default_rng(0).normal(size=shape).astype(np.float32))


def images(n):
    return nf.constant(np.random.default_rng(0).uniform(size=(n, 8, 8, 1)).astype(np.float32))


def adam():
    step = nf.train.get_or_create_global_step()
    return nf.train.AdamOptimizer(nf.train.cosine_decay(0.01, step, 10))


# a case: a function that gives (the models, a step of no arguments that gives losses)
def characters(cell):
    module = example("characters")
    model, optimizer, kept = module.Reader(5, 4, cell), adam(), []
    codes = np.array([[0, 3, 1, 4], [2, 2, 0, 1]])

    def start(wrapper):
        run = wrapper(lambda x, y, states: module.step(model, optimizer, x, y, states))

        def step():
            loss, kept[:] = run(nf.constant(codes[:, :3]), nf.constant(codes[:, 1:]), list(kept) or None)
            return [loss]
        return step
    return [model], start


def colour_names():
    module = example("colour_names", "matplotlib")
    model, optimizer = module.Colourist(4), adam()
    letters, colours = nf.constant(np.array([[1, 2, 3], [4, 5, 0]])), normal(2, 3)

    def start(wrapper):
        run = wrapper(lambda x, y: module.step(model, optimizer, x, y))
        return lambda: [run(letters, colours)]
    return [model], start


def cvae():
    module = example("cvae", "matplotlib")
    model, optimizer, given = module.Autoencoder(2), adam(), images(2)

    def start(wrapper):
        run = wrapper(lambda x: module.step(model, optimizer, x))
        return lambda: [run(given)]
    return [model.encoder, model.decoder], start


def digits(folder):
    module = example("digits", "matplotlib", "sklearn")
    training, given, labels = module.Training(10, folder), images(3), nf.constant([1, 2, 3])

    def start(wrapper):
        run = wrapper(lambda x, y: training.learn(x, y))
        return lambda: [run(given, labels)]
    return [training.network], start


def gan():
    module = example("gan", "matplotlib", "sklearn")
    game, given = module.Game(), images(4)

    def start(wrapper):
        run = wrapper(lambda x: game.step(x))
        return lambda: list(run(given))
    return [game.generator, game.discriminator], start


def l2hmc():
    module = example("l2hmc", "matplotlib")
    # (plain descent: rounding errors of a gradient near 0 are not made large)
    sampler, optimizer, x = module.Sampler(2, 4, 0.1), nf.train.GradientDescentOptimizer(0.01), normal(3, 2)

    def start(wrapper):
        run = wrapper(lambda x, forward: module.step(sampler, optimizer, x, 1.0, forward))
        return lambda: [t for forward in (True, False) for t in run(x, forward)]
    return [sampler], start


def linear_regression():
    module = example("linear_regression")
    model, descent = module.Model(), nf.train.GradientDescentOptimizer(0.1)
    x, y = normal(5), normal(5)

    def learn(x, y):
        descent.apply_gradients(zip(module.grad(model, x, y), [model.W, model.B], strict=True))
        return module.loss(model, x, y)

    def start(wrapper):
        run = wrapper(learn)
        return lambda: [run(x, y)]
    return [], start


def resnet50():
    module, layers = example("resnet50"), nf.keras.layers
    inputs = layers.Input((8, 8, 4))                    # (one block: the whole would take minutes to compile)
    h = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(inputs)))
    h = layers.GlobalAveragePooling2D()(layers.Add()([inputs, h]))
    model = nf.keras.Model(inputs, layers.Dense(3, activation="softmax")(h))
    optimizer, x, y = nf.train.MomentumOptimizer(0.01, 0.9), normal(2, 8, 8, 4), nf.constant([0, 2])

    def start(wrapper):
        run = wrapper(lambda x, y: module.step(model, optimizer, x, y))
        return lambda: [run(x, y)]
    return [model], start


def reversible():
    module = example("reversible", "sklearn")
    # (16 channels: to normalize over the 2 of a half of 4 is badly conditioned)
    network, optimizer = module.Network(16, 2), adam()
    given, labels = images(2), nf.constant([1, 2])

    def learn(x, y):
        loss, pairs = module.reversible_gradients(network, x, y)
        optimizer.apply_gradients([(g, v) for v, g in pairs])
        return loss

    def start(wrapper):
        run = wrapper(learn)
        return lambda: [run(given, labels)]
    network(given)
    return [network], start


def tree_lstm():
    module = example("tree_lstm")
    model, optimizer = module.TreeLSTM(3), adam()
    trees = (("and", "true", ("not", "false")), ("xor", ("or", "true", "true"), "false"), "true")
    truth = nf.constant([1.0, 1.0, 1.0])

    def start(wrapper):
        run = wrapper(lambda trees, truth: module.step(model, optimizer, trees, truth))
        return lambda: [run(trees, truth)]
    return [model], start


CASES = {"gru": lambda _: characters("gru"), "lstm": lambda _: characters("lstm"),
         "colour_names": lambda _: colour_names(), "cvae": lambda _: cvae(), "digits": digits,
         "gan": lambda _: gan(), "l2hmc": lambda _: l2hmc(),
         "linear_regression": lambda _: linear_regression(), "resnet50": lambda _: resnet50(),
         "reversible": lambda _: reversible(), "tree_lstm": lambda _: tree_lstm()}


def trained(name, folder, wrapper):
    """The losses of two steps, run so, after one that is run eagerly and makes all variables; then these."""
    nf.set_random_seed(0)
    nf.train.get_or_create_global_step().assign(0)
    models, start = CASES[name](folder)
    start(lambda f: f)()
    nf.set_random_seed(1)
    step = start(wrapper)
    losses = [t.numpy() for _ in range(2) for t in step()]
    return [*losses, *[v.numpy() for model in models for v in model.variables],
            nf.train.get_or_create_global_step().numpy()]


@pytest.mark.parametrize("name", CASES)
def test_steps(name, tmp_path):
    eager, compiled = (trained(name, tmp_path, wrapper) for wrapper in (lambda f: f, function))
    for a, b in zip(compiled, eager, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
