"""Handwritten digits from noise: a generator learns to fool a discriminator (Goodfellow et al., 2014).

Both gradients of a step come from two tapes that listen at once.
"""
import argparse
from pathlib import Path

import matplotlib
import numpy as np
from tqdm import tqdm

import numbaflow as nf

matplotlib.use("Agg")
import matplotlib.pyplot as plt

NOISE = 32


def generator():
    """Noise [n, 32] to images [n, 8, 8, 1] of -1 to 1."""
    layers = nf.keras.layers
    return nf.keras.Sequential([
        layers.Dense(2 * 2 * 64, activation="relu", input_shape=(NOISE,)),
        layers.Reshape((2, 2, 64)),
        layers.BatchNormalization(momentum=0.9),
        layers.Conv2DTranspose(64, 4, strides=2, padding="same", activation="relu"),
        layers.BatchNormalization(momentum=0.9),
        layers.Conv2DTranspose(32, 4, strides=2, padding="same", activation="relu"),
        layers.Conv2D(1, 3, padding="same", activation="tanh"),
    ])


def discriminator():
    """Images to the logit of being real."""
    layers = nf.keras.layers
    return nf.keras.Sequential([
        layers.Conv2D(32, 3, padding="same", input_shape=(8, 8, 1)), layers.LeakyReLU(0.2),
        layers.AveragePooling2D(2),
        layers.Conv2D(64, 3, padding="same"), layers.LeakyReLU(0.2),
        layers.AveragePooling2D(2),
        layers.Flatten(), layers.Dropout(0.3),
        layers.Dense(128), layers.LeakyReLU(0.2),
        layers.Dense(1),
    ])


def cross_entropy(real, logits, smoothing=0.0):
    """The loss of taking logits for real (1) or made (0)."""
    labels = nf.fill(logits.shape, float(real))
    return nf.losses.sigmoid_cross_entropy(labels, logits, label_smoothing=smoothing)


class Game:
    """The two networks, their optimizers and a step of both."""

    def __init__(self):
        self.generator, self.discriminator = generator(), discriminator()
        self.optimizers = [nf.train.AdamOptimizer(1e-3, beta1=0.5), nf.train.AdamOptimizer(5e-4, beta1=0.5)]

    def step(self, images):
        """The losses of the generator and of the discriminator, after a step of both."""
        noise = nf.random_normal((images.shape[0], NOISE))
        with nf.GradientTape() as generating, nf.GradientTape() as judging:
            made = self.generator(noise, training=True)
            of_real = self.discriminator(images, training=True)
            of_made = self.discriminator(made, training=True)
            fooling = cross_entropy(True, of_made)
            telling = cross_entropy(True, of_real, smoothing=0.2) + cross_entropy(False, of_made)
        players = ((generating, fooling, self.generator), (judging, telling, self.discriminator))
        for (tape, loss, network), optimizer in zip(players, self.optimizers, strict=True):
            variables = network.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return fooling, telling


def draw(before, after, real, path):
    """64 images each: made before training, made after it, and real ones."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
    panels = (("before training", before), ("after training", after), ("real digits", real))
    for axis, (title, images) in zip(axes, panels, strict=True):
        framed = np.pad(images[:64, :, :, 0], ((0, 0), (1, 1), (1, 1)), constant_values=-1)
        tiles = framed.reshape(8, 8, 10, 10).transpose(0, 2, 1, 3).reshape(80, 80)
        axis.imshow(tiles, cmap="gray_r", vmin=-1, vmax=1)
        axis.set_title(title)
        axis.axis("off")
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="the folder of picture and logs")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--examples", type=int, default=1797, help="use the first so many images only")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    nf.set_random_seed(arguments.seed)
    images = np.concatenate([images for images, _ in nf.keras.datasets.digits.load_data()])
    images = (images[:arguments.examples, :, :, np.newaxis] / 8 - 1).astype(np.float32)
    data = nf.data.Dataset.from_tensor_slices(images).shuffle(2000)
    data = data.batch(arguments.batch_size, drop_remainder=True)
    game, fixed = Game(), nf.random_normal((64, NOISE))
    before = game.generator(fixed).numpy()
    step, summary = nf.train.get_or_create_global_step(), nf.contrib.summary
    writer = summary.create_file_writer(str(arguments.out / "logs"))
    with writer.as_default(), tqdm(range(arguments.epochs), unit="epoch") as progress:
        for _ in progress:
            losses = []
            for batch in data:
                losses.append([float(loss) for loss in game.step(batch)])
                step.assign_add(1)
            fooling, telling = np.mean(losses, 0)
            with summary.always_record_summaries():
                summary.scalar("generator loss", fooling)
                summary.scalar("discriminator loss", telling)
                summary.image("made", (game.generator(fixed) + 1.0) * 0.5, max_images=3)
            progress.set_postfix(generator=f"{fooling:.2f}", discriminator=f"{telling:.2f}")
    after = game.generator(fixed).numpy()
    print(f"last epoch: generator loss {fooling:.3f}, discriminator loss {telling:.3f} "
          f"(2 log 2 = {2 * np.log(2):.3f} where it can't tell)")

    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "gan.png"
    draw(before, after, images, path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
