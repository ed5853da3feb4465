"""The guide's convolutional network on handwritten digits, with checkpoints and TensorBoard logs.

scikit-learn's 1,797 images, a quarter of them held out.  `--resume` goes on from the last checkpoint of a run
that was cut short.
"""
import argparse
from pathlib import Path

import matplotlib
import numpy as np
from tqdm import tqdm

import numbaflow as nf

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def network():
    """Two convolutions, the mean over the image, and logits of 10 digits."""
    return nf.keras.Sequential([
        nf.keras.layers.Conv2D(16, [3, 3], activation="relu"),
        nf.keras.layers.Conv2D(16, [3, 3], activation="relu"),
        nf.keras.layers.GlobalAveragePooling2D(),
        nf.keras.layers.Dense(10),
    ])


def scaled(images):
    """Images [n, 8, 8] of 0 to 16 as floats [n, 8, 8, 1] of 0 to 1."""
    return (images[..., np.newaxis] / 16).astype(np.float32)


def shifted(images):
    """A batch of images moved by up to a pixel, all alike, at random."""
    return nf.random_crop(nf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]]), images.shape)


class Training:
    """A network, its optimizer and how far training has come: what a checkpoint keeps."""

    def __init__(self, steps, folder):
        self.network, self.step = network(), nf.train.get_or_create_global_step()
        self.epoch = nf.Variable(0, trainable=False, name="epoch")
        rate = nf.train.cosine_decay(0.01, self.step, steps)
        self.optimizer = nf.train.AdamOptimizer(rate)
        self.checkpoint = nf.train.Checkpoint(network=self.network, optimizer=self.optimizer, step=self.step,
                                              epoch=self.epoch)
        self.manager = nf.train.CheckpointManager(self.checkpoint, str(folder / "checkpoints"), max_to_keep=3)

    def learn(self, images, labels):
        """One step; gives the loss."""
        with nf.GradientTape() as tape:
            logits = self.network(shifted(images), training=True)
            loss = nf.losses.sparse_softmax_cross_entropy(labels, logits)
        variables = self.network.trainable_variables
        grads = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(grads, variables, strict=True), global_step=self.step)
        return loss

    def batch(self, images, labels):
        """One step, whose loss is recorded; gives it."""
        loss = self.learn(images, labels)
        nf.contrib.summary.scalar("loss", loss)
        return float(loss)

    def evaluate(self, images, labels):
        """The loss and the share of right answers."""
        logits = self.network(images)
        loss = nf.losses.sparse_softmax_cross_entropy(labels, logits)
        accuracy = np.mean(logits.numpy().argmax(1) == labels)
        nf.contrib.summary.scalar("held out/loss", loss)
        nf.contrib.summary.scalar("held out/accuracy", accuracy)
        return float(loss), float(accuracy)

    def run(self, dataset, held_out, epochs):
        """The loss of each batch and the held-out (loss, accuracy) of each epoch."""
        losses, evaluations = [], []
        first = int(self.epoch)
        with tqdm(range(first, epochs), initial=first, total=epochs, unit="epoch") as progress:
            for epoch in progress:
                losses += [self.batch(images, labels) for images, labels in dataset]
                evaluations.append(self.evaluate(*held_out))
                self.epoch.assign_add(1)
                if epoch % 10 == 9 or epoch == epochs - 1:
                    self.manager.save()
                progress.set_postfix(loss=f"{losses[-1]:.3f}", accuracy=f"{evaluations[-1][1]:.1%}")
        return losses, evaluations


def draw_losses(losses, evaluations, path):
    """The loss of each batch beside the held-out loss after each epoch."""
    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    ends = np.linspace(0, len(losses), len(evaluations) + 1)[1:]
    axis.plot(losses, color="tab:blue", alpha=0.3, linewidth=0.8, label="each batch")
    axis.plot(ends, [loss for loss, _ in evaluations], color="tab:orange", label="held out")
    axis.set(yscale="log", title="Digits: cross-entropy during training",
             xlabel="batch", ylabel="loss [nats]")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(path, dpi=120)


def draw_predictions(images, labels, predicted, path):
    """50 held-out images with what the network takes them for; wrong ones come first, in red."""
    order = np.argsort(predicted == labels, kind="stable")[:50]
    figure, axes = plt.subplots(5, 10, figsize=(10, 6), layout="constrained")
    for axis, k in zip(axes.flat, order, strict=False):
        right = predicted[k] == labels[k]
        axis.imshow(images[k], cmap="gray_r")
        axis.set_title(str(predicted[k]) if right else f"{predicted[k]}, is {labels[k]}", fontsize=9,
                       color="black" if right else "tab:red")
    for axis in axes.flat:
        axis.axis("off")
    figure.suptitle("Held-out digits and what they were taken for")
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="the folder of all results")
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--examples", type=int, default=1797, help="use the first so many images only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    arguments = parser.parse_args()

    nf.set_random_seed(arguments.seed)
    (images, labels), (held_out, held_out_labels) = nf.keras.datasets.digits.load_data()
    images, labels = scaled(images[:arguments.examples]), labels[:arguments.examples].astype(np.int64)
    dataset = nf.data.Dataset.from_tensor_slices((images, labels))
    dataset = dataset.shuffle(2000).batch(arguments.batch_size)

    arguments.out.mkdir(parents=True, exist_ok=True)
    batches = -(-len(images) // arguments.batch_size)
    training = Training(arguments.epochs * batches, arguments.out)
    if arguments.resume:
        training.checkpoint.restore(training.manager.latest_checkpoint)
    writer = nf.contrib.summary.create_file_writer(str(arguments.out / "logs"))
    with writer.as_default(), nf.contrib.summary.always_record_summaries():
        losses, evaluations = training.run(dataset, (scaled(held_out), held_out_labels), arguments.epochs)

    loss, accuracy = training.evaluate(scaled(held_out), held_out_labels)
    predicted = training.network(scaled(held_out)).numpy().argmax(1)
    print(f"held-out loss {loss:.4f}, accuracy {accuracy:.2%} of {len(held_out)} images")
    if losses:
        draw_losses(losses, evaluations, arguments.out / "digits_loss.png")
    draw_predictions(held_out, held_out_labels, predicted, arguments.out / "digits_predictions.png")
    print(f"pictures: {arguments.out / 'digits_loss.png'}, {arguments.out / 'digits_predictions.png'}")
    print(f"checkpoint: {training.manager.latest_checkpoint}")
    print(f"logs: tensorboard --logdir {arguments.out / 'logs'}")


if __name__ == "__main__":
    main()
