"""A convolutional variational autoencoder (Kingma and Welling, 2014): digits of 64 pixels as 2 numbers.

The picture shows what the decoder makes of a grid of these numbers, and where the held-out images lie.
"""
import argparse
from pathlib import Path

import matplotlib
import numpy as np
from tqdm import tqdm

import numbaflow as nf

matplotlib.use("Agg")
import matplotlib.pyplot as plt


class Autoencoder(nf.keras.Model):
    """Images to the mean and log variance of codes, and codes to the logits of pixels."""

    def __init__(self, size):
        super().__init__()
        layers = nf.keras.layers
        self.size = size
        self.encoder = nf.keras.Sequential([
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", input_shape=(8, 8, 1)),
            layers.Conv2D(64, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(2 * size),
        ])
        self.decoder = nf.keras.Sequential([
            layers.Dense(2 * 2 * 64, activation="relu", input_shape=(size,)),
            layers.Reshape((2, 2, 64)),
            layers.Conv2DTranspose(64, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(1, 3, padding="same"),
        ])

    def encode(self, images):
        """The means and the log variances of the images' codes."""
        return nf.split(self.encoder(images), 2, axis=1)

    def call(self, images):
        """Pixels' logits from codes drawn for the images."""
        return self.decoder(drawn(*self.encode(images)))


def drawn(mean, log_variance):
    """A code from each normal distribution, differentiable by its mean and variance."""
    return mean + nf.exp(0.5 * log_variance) * nf.random_normal(mean.shape)


def bound(model, images):
    """The negative evidence lower bound in nats an image: pixels' cross-entropy and codes' divergence."""
    mean, log_variance = model.encode(images)
    logits = model.decoder(drawn(mean, log_variance))
    pixels = nf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
    divergence = 0.5 * (nf.exp(log_variance) + nf.square(mean) - 1.0 - log_variance)
    return nf.reduce_mean(nf.reduce_sum(pixels, [1, 2, 3]) + nf.reduce_sum(divergence, 1))


def step(model, optimizer, images):
    """One training step; gives the bound."""
    with nf.GradientTape() as tape:
        loss = bound(model, images)
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True),
                              global_step=nf.train.get_or_create_global_step())
    return loss


def train(model, data, held_out, epochs, steps):
    """The held-out bound after each epoch."""
    rate = nf.train.cosine_decay(2e-3, nf.train.get_or_create_global_step(), steps)
    optimizer, history = nf.train.AdamOptimizer(rate), []
    with tqdm(range(epochs), unit="epoch") as progress:
        for _ in progress:
            for images in data:
                step(model, optimizer, images)
            history.append(float(bound(model, held_out)))
            progress.set_postfix(held_out=f"{history[-1]:.2f} nats")
    return history


def draw(model, images, labels, path):
    """The decoder's images over a grid of codes, and the codes of images in the colours of their digits."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5.5), layout="constrained")
    axis = np.linspace(-2.2, 2.2, 16, dtype=np.float32)
    codes = np.stack(np.meshgrid(axis, -axis), -1).reshape(-1, 2)
    made = nf.sigmoid(model.decoder(codes)).numpy().reshape(16, 16, 8, 8)
    left.imshow(made.transpose(0, 2, 1, 3).reshape(128, 128), cmap="gray_r", extent=(-2.3, 2.3, -2.3, 2.3))
    left.set(title="what codes decode to", xlabel="first number", ylabel="second number")
    mean = model.encode(images)[0].numpy()
    points = right.scatter(*mean.T, c=labels, cmap="tab10", s=12, vmin=-0.5, vmax=9.5)
    figure.colorbar(points, ticks=range(10), label="digit")
    right.set(title="codes of held-out images", xlabel="first number", aspect="equal")
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="the folder of the picture")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--examples", type=int, default=1797, help="use the first so many images only")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    nf.set_random_seed(arguments.seed)
    (images, _), (held_out, labels) = nf.keras.datasets.digits.load_data()
    images, held_out = ((x[..., np.newaxis] / 16).astype(np.float32) for x in (images, held_out))
    images = images[:arguments.examples]
    data = nf.data.Dataset.from_tensor_slices(images).shuffle(2000).batch(arguments.batch_size)
    model = Autoencoder(2)
    steps = arguments.epochs * -(-len(images) // arguments.batch_size)
    print(f"held out, before training: {float(bound(model, held_out)):.2f} nats an image")
    history = train(model, data, held_out, arguments.epochs, steps)
    print(f"after {arguments.epochs} epochs: {history[-1]:.2f} nats an image")

    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "cvae.png"
    draw(model, held_out, labels, path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
