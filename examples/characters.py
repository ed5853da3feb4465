"""A language model of characters: a GRU or LSTM reads the Python manual's topics and goes on in their manner.

The text ships with Python (`help("topics")`); its last twentieth is held out.
"""
import argparse
import math
from pydoc_data.topics import topics

import numpy as np
from tqdm import tqdm

import numbaflow as nf


class Reader(nf.keras.Model):
    """Characters through an embedding and a recurrent layer to logits of the next character."""

    def __init__(self, characters, units, cell):
        super().__init__()
        layer = {"gru": nf.keras.layers.GRU, "lstm": nf.keras.layers.LSTM}[cell]
        self.embedding = nf.keras.layers.Embedding(characters, 32)
        self.recurrent = layer(units, return_sequences=True, return_state=True,
                               recurrent_activation="sigmoid")
        self.logits = nf.keras.layers.Dense(characters)

    def call(self, inputs, states=None):
        h, *states = self.recurrent(self.embedding(inputs), initial_state=states)
        return self.logits(h), states


def text(size):
    """The topics, one after the other, up to that many characters."""
    return "\n\n".join(topics[name] for name in sorted(topics))[:size]


def windows(codes, batch_size, length):
    """Inputs and what follows each character, [batch, length]; a batch goes on where the last ended."""
    rows = len(codes) // batch_size
    lanes = codes[:rows * batch_size].reshape(batch_size, rows)
    for k in range(0, rows - 1, length):
        stop = min(k + length, rows - 1)
        yield lanes[:, k:stop], lanes[:, k + 1:stop + 1]


def detached(states):
    """The states as constants: gradients end at a window's start."""
    return [nf.stop_gradient(s) for s in states]


def step(model, optimizer, inputs, targets, states):
    """One training step; gives the loss and the states to go on from."""
    with nf.GradientTape() as tape:
        logits, states = model(inputs, states=states)
        loss = nf.losses.sparse_softmax_cross_entropy(targets, logits)
    variables = model.trainable_variables
    grads, _ = nf.clip_by_global_norm(tape.gradient(loss, variables), 1.0)
    optimizer.apply_gradients(zip(grads, variables, strict=True),
                              global_step=nf.train.get_or_create_global_step())
    return loss, detached(states)


def train_epoch(model, optimizer, codes, batch_size, length, progress):
    """The mean loss."""
    losses, states = [], None
    for inputs, targets in windows(codes, batch_size, length):
        loss, states = step(model, optimizer, inputs, targets, states)
        losses.append(float(loss))
        progress.set_postfix(bits=f"{losses[-1] / math.log(2):.2f}", refresh=False)
        progress.update()
    return np.mean(losses)


def evaluate(model, codes, length):
    """The mean loss over held-out text."""
    losses, states = [], None
    for inputs, targets in windows(codes, 8, length):
        logits, states = model(inputs, states=states)
        losses.append(float(nf.losses.sparse_softmax_cross_entropy(targets, logits)))
    return np.mean(losses)


def write(model, start, alphabet, length, temperature):
    """Text that goes on from a start, drawn character by character."""
    codes = [alphabet.index(c) for c in start]
    logits, states = model(np.array([codes]))
    for _ in range(length):
        code = int(nf.multinomial(logits[:, -1] / temperature, 1)[0, 0])
        codes.append(code)
        logits, states = model(np.array([[code]]), states=states)
    return "".join(alphabet[c] for c in codes)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", choices=["gru", "lstm"], default="gru")
    parser.add_argument("--units", type=int, default=192)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--size", type=int, default=400_000, help="read at most so many characters")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--length", type=int, default=64, help="the steps that gradients go back")
    parser.add_argument("--sample", type=int, default=400, help="the characters to write at the end")
    parser.add_argument("--start", default="The ")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    nf.set_random_seed(arguments.seed)
    read = text(arguments.size)
    alphabet = sorted(set(read))
    if not arguments.start or set(arguments.start) - set(alphabet):
        parser.error(f"--start must be of characters of the text, got {arguments.start!r}")
    number = {c: k for k, c in enumerate(alphabet)}
    codes = np.array([number[c] for c in read])
    codes, held_out = np.split(codes, [len(codes) * 19 // 20])
    print(f"{len(codes):,} characters of {len(alphabet)} kinds, {len(held_out):,} held out")
    model = Reader(len(alphabet), arguments.units, arguments.cell)
    steps = arguments.epochs * len(list(windows(codes, arguments.batch_size, arguments.length)))
    rate = nf.train.cosine_decay(0.004, nf.train.get_or_create_global_step(), steps)
    optimizer = nf.train.AdamOptimizer(rate)
    with tqdm(total=steps, unit="batch") as progress:
        for epoch in range(arguments.epochs):
            loss = train_epoch(model, optimizer, codes, arguments.batch_size, arguments.length, progress)
            progress.write(f"epoch {epoch + 1}: {loss / math.log(2):.3f} bits a character, held out "
                           f"{evaluate(model, held_out, arguments.length) / math.log(2):.3f}")
    if arguments.sample:
        print(write(model, arguments.start, alphabet, arguments.sample, temperature=0.7))


if __name__ == "__main__":
    main()
