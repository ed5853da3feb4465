"""Handwritten digits by a network of two layers: scikit-learn's 1,797 images, a quarter of them held out."""
import argparse
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import numbaflow as nf

matplotlib.use("Agg")
import matplotlib.pyplot as plt


class Network:
    """relu(x W1 + b1) W2 + b2: logits of 10 digits for images of 64 pixels."""

    def __init__(self, hidden):
        self.W1 = nf.Variable(nf.random_normal([64, hidden], stddev=(2.0 / 64) ** 0.5), name="W1")
        self.b1 = nf.Variable(nf.zeros([hidden]), name="b1")
        self.W2 = nf.Variable(nf.random_normal([hidden, 10], stddev=(1.0 / hidden) ** 0.5), name="W2")
        self.b2 = nf.Variable(nf.zeros([10]), name="b2")
        self.variables = [self.W1, self.b1, self.W2, self.b2]

    def __call__(self, images):
        return nf.matmul(nf.nn.relu(nf.matmul(images, self.W1) + self.b1), self.W2) + self.b2


def data(examples, seed):
    """Training and held-out images, with pixels from 0 to 1, and their labels."""
    images, labels = load_digits(return_X_y=True)
    images, labels = (images / 16.0).astype(np.float32)[:examples], labels[:examples]
    return train_test_split(images, labels, test_size=0.25, random_state=seed, stratify=labels)


def train(network, images, labels, epochs, batch_size, rng):
    """The loss of each batch."""
    optimizer, history = nf.train.AdamOptimizer(0.002), []
    step = nf.train.get_or_create_global_step()
    batches = -(-len(images) // batch_size)
    with tqdm(total=epochs * batches, unit="batch") as progress:
        for _ in range(epochs):
            order = rng.permutation(len(images))
            for k in range(0, len(images), batch_size):
                chosen = order[k:k + batch_size]
                with nf.GradientTape() as tape:
                    logits = network(images[chosen])
                    loss = nf.losses.sparse_softmax_cross_entropy(labels[chosen], logits)
                grads = tape.gradient(loss, network.variables)
                optimizer.apply_gradients(zip(grads, network.variables, strict=True), global_step=step)
                history.append(loss.numpy())
                progress.set_postfix(loss=f"{history[-1]:.4f}", refresh=False)
                progress.update()
    return np.array(history)


def draw(history, held_out_loss, batches, path):
    """The loss of each batch, its mean over each epoch, and where the held-out loss ended."""
    epochs = history.reshape(-1, batches).mean(1)
    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    axis.plot(history, color="tab:blue", alpha=0.25, linewidth=0.8, label="each batch")
    middles = (np.arange(epochs.size) + 0.5) * batches
    axis.plot(middles, epochs, color="tab:blue", label="mean over an epoch")
    axis.axhline(held_out_loss, color="tab:orange", linestyle="--", label="held out, after training")
    axis.set(yscale="log", title="Digits: cross-entropy during training",
             xlabel="batch", ylabel="loss [nats]")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("."), help="the folder of the picture")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=256, help="the width of the hidden layer")
    parser.add_argument("--examples", type=int, default=1797, help="use the first so many images only")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    nf.set_random_seed(arguments.seed)
    images, held_out, labels, held_out_labels = data(arguments.examples, arguments.seed)
    network = Network(arguments.hidden)
    rng = np.random.default_rng(arguments.seed)
    history = train(network, images, labels, arguments.epochs, arguments.batch_size, rng)

    logits = network(held_out)
    loss = nf.losses.sparse_softmax_cross_entropy(held_out_labels, logits)
    accuracy = np.mean(logits.numpy().argmax(1) == held_out_labels)
    print(f"held-out loss {loss:.4f}, accuracy {accuracy:.2%} of {len(held_out)} images")

    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "digits_loss.png"
    draw(history, float(loss), -(-len(images) // arguments.batch_size), path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
