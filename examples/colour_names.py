"""Colours from their names, letter by letter, by two layers of LSTM: the 148 named colours of CSS.

Every tenth name is held out.  Say a name of your own: `--name "deep sea"`.
"""
import argparse
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import CSS4_COLORS, to_rgb
from tqdm import tqdm

import numbaflow as nf

matplotlib.use("Agg")
import matplotlib.pyplot as plt

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Colourist(nf.keras.Model):
    """Letters through two layers of LSTM to red, green and blue from 0 to 1."""

    def __init__(self, units):
        super().__init__()
        self.lower = nf.keras.layers.LSTM(units, return_sequences=True)
        self.upper = nf.keras.layers.LSTM(units)
        self.dropout = nf.keras.layers.Dropout(0.2)
        self.colour = nf.keras.layers.Dense(3, activation="sigmoid")

    def call(self, letters, training=None):
        present = nf.not_equal(letters, 0)                      # names are padded with zeros
        h = nf.one_hot(letters, len(LETTERS) + 1)
        h = self.dropout(self.lower(h, mask=present), training=training)
        h = self.upper(h, mask=present)
        return self.colour(self.dropout(h, training=training))


def encoded(name):
    """The numbers of a name's letters, from 1 on; what is no letter is left out."""
    return np.array([LETTERS.index(c) + 1 for c in name.lower() if c in LETTERS], np.int64)


def batches(names, size):
    """Names and colours in batches; the names of a batch are as long as its longest."""
    def examples():
        for name in names:
            yield encoded(name), np.array(to_rgb(CSS4_COLORS[name]), np.float32)
    data = nf.data.Dataset.from_generator(examples, (nf.int64, nf.float32), ([None], [3]))
    return data.cache().shuffle(len(names)).padded_batch(size, ([None], [3]))


def step(model, optimizer, letters, colours):
    """One training step; gives the loss."""
    with nf.GradientTape() as tape:
        loss = nf.losses.mean_squared_error(colours, model(letters, training=True))
    variables = model.trainable_variables
    grads, _ = nf.clip_by_global_norm(tape.gradient(loss, variables), 1.0)
    optimizer.apply_gradients(zip(grads, variables, strict=True))
    return loss


def train(model, data, epochs):
    """The mean loss of each epoch."""
    optimizer, history = nf.train.AdamOptimizer(0.003), []
    for _ in tqdm(range(epochs), unit="epoch"):
        mean = nf.contrib.eager.metrics.Mean("loss")
        for letters, colours in data:
            mean(step(model, optimizer, letters, colours))
        history.append(float(mean.result()))
    return history


def guess(model, name):
    """The colour of a name."""
    return model(encoded(name)[np.newaxis]).numpy()[0]


def draw(model, rows, path):
    """Each name with its colour, where it has one, on the left and the guess on the right."""
    figure, axis = plt.subplots(figsize=(6, 0.34 * len(rows) + 0.8), layout="constrained")
    for k, name in enumerate(rows):
        known = CSS4_COLORS.get(name)
        if known:
            axis.add_patch(plt.Rectangle((0, k), 1, 0.9, color=known))
        axis.add_patch(plt.Rectangle((1.1, k), 1, 0.9, color=guess(model, name)))
        axis.text(-0.1, k + 0.45, name, ha="right", va="center", fontsize=9)
    axis.set(xlim=(-1.6, 2.2), ylim=(len(rows), -0.8), title="names, their colours and the network's guesses")
    axis.axis("off")
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="the folder of the picture")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--units", type=int, default=32, help="the size of each LSTM")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--name", action="append", default=[], help="a name to give a colour to, or several")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name in arguments.name:
        if not len(encoded(name)):
            parser.error(f"--name {name!r} has no letter from a to z")

    nf.set_random_seed(arguments.seed)
    names = sorted(CSS4_COLORS)
    held_out = names[5::10]
    seen = [name for name in names if name not in held_out]
    model = Colourist(arguments.units)
    history = train(model, batches(seen, arguments.batch_size), arguments.epochs)
    print(f"mean squared error of {len(seen)} names: {history[0]:.4f} in the first epoch, "
          f"{history[-1]:.4f} in the last")
    mean = np.mean([to_rgb(CSS4_COLORS[name]) for name in seen], 0)
    errors = {"the network": [], "the mean colour": []}
    for name in held_out:
        true = np.array(to_rgb(CSS4_COLORS[name]))
        errors["the network"].append(np.mean((guess(model, name) - true) ** 2))
        errors["the mean colour"].append(np.mean((mean - true) ** 2))
    print(f"{len(held_out)} held-out names: " + ", ".join(f"{k} {np.mean(v):.4f}" for k, v in errors.items()))
    for name in arguments.name:
        print(f"{name}: {matplotlib.colors.to_hex(guess(model, name))}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "colour_names.png"
    draw(model, [*arguments.name, *held_out, *seen[::12]], path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
