"""A reversible residual network on handwritten digits (Gomez, Ren, Urtasun and Grosse, 2017).

Its blocks can be run backwards, so that the backward pass computes the inputs of each from its outputs
instead of keeping them: a tape for each block in turn, with `output_gradients`.
"""
import argparse
import tracemalloc

import numpy as np
from tqdm import tqdm

import numbaflow as nf


class Residual(nf.keras.Model):
    """What a block adds: normalization, elu and a convolution, twice."""

    def __init__(self, channels):
        super().__init__()
        layers, self.parts = nf.keras.layers, []
        for _ in range(2):
            self.parts += [layers.LayerNormalization(), layers.Activation("elu"),
                           layers.Conv2D(channels, 3, padding="same", use_bias=False)]

    def call(self, inputs):
        for part in self.parts:
            inputs = part(inputs)
        return inputs


class Block(nf.keras.Model):
    """``y1 = x1 + f(x2); y2 = x2 + g(y1)``, which runs backwards too."""

    def __init__(self, channels):
        super().__init__()
        self.f, self.g = Residual(channels // 2), Residual(channels // 2)

    def call(self, inputs):
        x1, x2 = inputs
        y1 = x1 + self.f(x2)
        return y1, x2 + self.g(y1)

    def backward(self, outputs, output_gradients):
        """The inputs, their gradients and the variables', from the outputs and their gradients."""
        y1, y2 = outputs
        d1, d2 = output_gradients
        with nf.GradientTape() as tape:
            tape.watch(y1)
            g = self.g(y1)
        x2 = y2 - g
        more, *of_g = tape.gradient(g, [y1, *self.g.trainable_variables], output_gradients=d2)
        d1 = d1 + more
        with nf.GradientTape() as tape:
            tape.watch(x2)
            f = self.f(x2)
        x1 = y1 - f
        more, *of_f = tape.gradient(f, [x2, *self.f.trainable_variables], output_gradients=d1)
        return (x1, x2), (d1, d2 + more), [*of_f, *of_g]


class Network(nf.keras.Model):
    """A convolution, reversible blocks, the mean over the image and logits of 10 digits."""

    def __init__(self, channels, blocks):
        super().__init__()
        self.stem = nf.keras.layers.Conv2D(channels, 3, padding="same")
        self.blocks = [Block(channels) for _ in range(blocks)]
        self.pool, self.logits = nf.keras.layers.GlobalAveragePooling2D(), nf.keras.layers.Dense(10)

    def head(self, halves):
        """Logits from what the blocks give."""
        return self.logits(self.pool(nf.nn.relu(nf.concat(halves, -1))))

    def call(self, images):
        halves = nf.split(self.stem(images), 2, axis=-1)
        for block in self.blocks:
            halves = block(halves)
        return self.head(halves)


def loss_of(labels, logits):
    """The mean cross-entropy."""
    return nf.losses.sparse_softmax_cross_entropy(labels, logits)


def ordinary_gradients(network, images, labels):
    """The loss and {variable: gradient}, from one tape that keeps everything."""
    with nf.GradientTape() as tape:
        loss = loss_of(labels, network(images))
    variables = network.trainable_variables
    return loss, list(zip(variables, tape.gradient(loss, variables), strict=True))


def reversible_gradients(network, images, labels):
    """The same, from outputs alone: block by block, last one first."""
    with nf.GradientTape() as stem:
        halves = first = nf.split(network.stem(images), 2, axis=-1)
    for block in network.blocks:
        halves = block(halves)
    with nf.GradientTape() as head:
        for half in halves:
            head.watch(half)
        loss = loss_of(labels, network.head(halves))
    variables = network.logits.trainable_variables
    grads, of_head = head.gradient(loss, [list(halves), variables])
    pairs = list(zip(variables, of_head, strict=True))
    for block in reversed(network.blocks):
        halves, grads, found = block.backward(halves, grads)
        pairs += zip([*block.f.trainable_variables, *block.g.trainable_variables], found, strict=True)
    variables = network.stem.trainable_variables
    pairs += zip(variables, stem.gradient(first, variables, output_gradients=list(grads)), strict=True)
    return loss, pairs


def peak(gradients, network, images, labels):
    """The most memory that a gradient takes beyond what is there, in MB."""
    nf.kernels.memory.release()             # buffers kept from earlier work would not be counted
    tracemalloc.start()
    gradients(network, images, labels)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 2**20


def largest_difference(network, images, labels):
    """How far the two kinds of gradients are apart, relative to the largest element of each variable's."""
    one = dict(ordinary_gradients(network, images, labels)[1])
    other = dict(reversible_gradients(network, images, labels)[1])
    return max(float(nf.reduce_max(nf.abs(one[v] - other[v])) / nf.reduce_max(nf.abs(one[v]))) for v in one)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--examples", type=int, default=1797, help="use the first so many images only")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    nf.set_random_seed(arguments.seed)
    (images, labels), (held_out, held_out_labels) = nf.keras.datasets.digits.load_data()
    images, held_out = ((x[..., np.newaxis] / 16).astype(np.float32) for x in (images, held_out))
    images, labels = images[:arguments.examples], labels[:arguments.examples].astype(np.int64)
    network = Network(arguments.channels, arguments.blocks)
    network(images[:1])
    batch = nf.constant(images[:256]), nf.constant(labels[:256])
    print(f"gradients differ by at most {largest_difference(network, *batch):.1e}")
    print(f"memory of a gradient, {len(batch[0])} images and {arguments.blocks} blocks: ordinary "
          f"{peak(ordinary_gradients, network, *batch):.1f} MB, reversible "
          f"{peak(reversible_gradients, network, *batch):.1f} MB")

    data = nf.data.Dataset.from_tensor_slices((images, labels)).shuffle(2000).batch(arguments.batch_size)
    optimizer = nf.train.AdamOptimizer(0.003)
    with tqdm(range(arguments.epochs), unit="epoch") as progress:
        for _ in progress:
            for batch in data:
                loss, pairs = reversible_gradients(network, *batch)
                optimizer.apply_gradients([(g, v) for v, g in pairs])
            progress.set_postfix(loss=f"{float(loss):.3f}")
    accuracy = np.mean(network(held_out).numpy().argmax(1) == held_out_labels)
    print(f"accuracy {accuracy:.1%} of {len(held_out)} held-out images")


if __name__ == "__main__":
    main()
