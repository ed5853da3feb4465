"""ResNet-50 on synthetic images: training steps and how many images they take a second."""
import argparse
import time

import numpy as np
from tqdm import tqdm

import numbaflow as nf


def step(model, optimizer, images, labels):
    """One training step; gives the loss."""
    with nf.GradientTape() as tape:
        probabilities = model(images, training=True)
        losses = nf.keras.losses.sparse_categorical_crossentropy(labels, probabilities)
        loss = nf.reduce_mean(losses)
    variables = model.trainable_variables
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return loss


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--size", type=int, default=224, help="height and width of the images")
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()

    nf.set_random_seed(0)
    rng = np.random.default_rng(0)
    shape = (arguments.size, arguments.size, 3)
    images = nf.constant(rng.standard_normal((arguments.batch_size, *shape), dtype=np.float32))
    labels = nf.constant(rng.integers(0, arguments.classes, arguments.batch_size))
    model = nf.keras.applications.ResNet50(input_shape=shape, classes=arguments.classes)
    optimizer = nf.train.MomentumOptimizer(0.01, 0.9)
    print(f"{model.count_params():,} parameters, {arguments.batch_size} images of "
          f"{arguments.size} x {arguments.size} a step")

    start = time.perf_counter()
    first = float(step(model, optimizer, images, labels))
    print(f"first step, kernels made or loaded: {time.perf_counter() - start:.1f} s, loss {first:.3f}")
    times, losses = [], []
    for _ in tqdm(range(arguments.steps), unit="step"):
        start = time.perf_counter()
        losses.append(float(step(model, optimizer, images, labels)))
        times.append(time.perf_counter() - start)
    print(f"median of {arguments.steps} steps: {np.median(times):.3f} s, "
          f"{arguments.batch_size / np.median(times):.2f} images a second, last loss {losses[-1]:.3f}")


if __name__ == "__main__":
    main()
