"""A tree-LSTM that learns to evaluate boolean expressions (Tai, Socher and Manning, 2015).

Each expression is a tree of its own, so each example runs ops of its own: hundreds of small ones, as eager
execution allows.  Test expressions are larger than those of training.
"""
import argparse
import random

import numpy as np
from tqdm import tqdm

import numbaflow as nf

SYMBOLS = ["false", "true", "not", "and", "or", "xor"]
OPERATIONS = {"and": lambda a, b: a and b, "or": lambda a, b: a or b, "xor": lambda a, b: a != b}


def expression(leaves, rng):
    """A random tree: "true", "false", ("not", x), or an operation of two trees, with so many leaves."""
    if leaves == 1:
        leaf = rng.choice(["true", "false"])
        return ("not", leaf) if rng.random() < 0.3 else leaf
    left = rng.randint(1, leaves - 1)
    tree = (rng.choice(list(OPERATIONS)), expression(left, rng), expression(leaves - left, rng))
    return ("not", tree) if rng.random() < 0.2 else tree


def value(tree):
    """What a tree evaluates to."""
    if isinstance(tree, str):
        return tree == "true"
    if tree[0] == "not":
        return not value(tree[1])
    return OPERATIONS[tree[0]](value(tree[1]), value(tree[2]))


def written(tree):
    """A tree as text."""
    if isinstance(tree, str):
        return tree
    if tree[0] == "not":
        return f"not {written(tree[1])}"
    return f"({written(tree[1])} {tree[0]} {written(tree[2])})"


class TreeLSTM(nf.keras.Model):
    """From the leaves up: a node's state comes from its symbol and its children's states."""

    def __init__(self, units):
        super().__init__()
        self.units = units
        self.symbols = nf.keras.layers.Embedding(len(SYMBOLS), 5 * units)
        self.children = nf.keras.layers.Dense(5 * units, use_bias=False)
        self.logit = nf.keras.layers.Dense(1)

    def state(self, tree):
        """The output and the memory of a node, [1, units] each."""
        children = [] if isinstance(tree, str) else [self.state(child) for child in tree[1:]]
        symbol = SYMBOLS.index(tree if isinstance(tree, str) else tree[0])
        outputs = [h for h, _ in children] + [nf.zeros((1, self.units))] * (2 - len(children))
        z = self.symbols([symbol]) + self.children(nf.concat(outputs, 1))
        i, o, g, *forget = nf.split(z, 5, axis=1)
        memory = nf.sigmoid(i) * nf.tanh(g)
        for f, (_, c) in zip(forget, children, strict=False):
            memory += nf.sigmoid(f + 1.0) * c
        return nf.sigmoid(o) * nf.tanh(memory), memory

    def call(self, trees):
        """A logit for each tree."""
        roots = [self.state(tree)[0] for tree in trees]
        return self.logit(nf.concat(roots, 0))[:, 0]


def step(model, optimizer, trees, truth):
    """One training step; gives the loss."""
    with nf.GradientTape() as tape:
        loss = nf.losses.sigmoid_cross_entropy(truth, model(trees))
    variables = model.trainable_variables
    grads, _ = nf.clip_by_global_norm(tape.gradient(loss, variables), 1.0)
    optimizer.apply_gradients(zip(grads, variables, strict=True),
                              global_step=nf.train.get_or_create_global_step())
    return loss


def train(model, steps, batch_size, leaves, rng):
    """The loss of each step."""
    rate = nf.train.cosine_decay(0.005, nf.train.get_or_create_global_step(), steps)
    optimizer, losses = nf.train.AdamOptimizer(rate), []
    with tqdm(range(steps), unit="step") as progress:
        for _ in progress:
            trees = [expression(rng.randint(1, leaves), rng) for _ in range(batch_size)]
            truth = np.array([value(tree) for tree in trees], np.float32)
            losses.append(float(step(model, optimizer, trees, truth)))
            progress.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
    return losses


def accuracy(model, trees):
    """The share of trees that the model evaluates rightly."""
    return np.mean((model(trees).numpy() > 0) == [value(tree) for tree in trees])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--leaves", type=int, default=6, help="the most leaves of a tree in training")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    nf.set_random_seed(arguments.seed)
    rng = random.Random(arguments.seed)
    model = TreeLSTM(arguments.units)
    losses = train(model, arguments.steps, arguments.batch_size, arguments.leaves, rng)
    print(f"loss {np.mean(losses[:10]):.3f} in the first ten steps, {np.mean(losses[-10:]):.3f} in the last")
    for leaves in (arguments.leaves, 2 * arguments.leaves, 4 * arguments.leaves):
        trees = [expression(leaves, rng) for _ in range(200)]
        print(f"{leaves} leaves: {accuracy(model, trees):.1%} of {len(trees)} new expressions")
    for _ in range(3):
        tree = expression(arguments.leaves, rng)
        chance = float(nf.sigmoid(model([tree]))[0])
        print(f"{written(tree)}: {value(tree)}, true with {chance:.3f} says the model")


if __name__ == "__main__":
    main()
