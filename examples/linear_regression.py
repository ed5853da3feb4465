"""The guide's linear regression: a line through 2,000 noisy points around 3 x + 2, by gradient descent."""
import argparse

import numbaflow as nf


class Model:
    """W x + B"""

    def __init__(self):
        self.W = nf.Variable(5.0, name="weight")
        self.B = nf.Variable(10.0, name="bias")

    def __call__(self, inputs):
        return inputs * self.W + self.B


def loss(model, inputs, targets):
    error = model(inputs) - targets
    return nf.reduce_mean(nf.square(error))


def grad(model, inputs, targets):
    with nf.GradientTape() as tape:
        value = loss(model, inputs, targets)
    return tape.gradient(value, [model.W, model.B])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    steps = parser.parse_args().steps

    nf.set_random_seed(0)
    inputs = nf.random_normal([2000])
    targets = inputs * 3.0 + 2.0 + nf.random_normal([2000])

    model = Model()
    optimizer = nf.train.GradientDescentOptimizer(learning_rate=0.01)
    print(f"Initial loss: {loss(model, inputs, targets):.3f}")
    for i in range(steps):
        grads = grad(model, inputs, targets)
        optimizer.apply_gradients(zip(grads, [model.W, model.B], strict=True),
                                  global_step=nf.train.get_or_create_global_step())
        if i % 20 == 0:
            print(f"Loss at step {i:03d}: {loss(model, inputs, targets):.3f}")
    print(f"Final loss: {loss(model, inputs, targets):.3f}")
    print(f"W = {model.W.numpy():.3f}, B = {model.B.numpy():.3f}")


if __name__ == "__main__":
    main()
