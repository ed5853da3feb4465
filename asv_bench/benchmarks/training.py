"""Training steps as users write them."""
import numpy as np

import numbaflow as nf


class LinearRegression:
    """One step of gradient descent on y = 3 x + 2 with 2,000 points."""

    def setup(self):
        rng = np.random.default_rng(0)
        self.x = nf.constant(rng.standard_normal(2000).astype("float32"))
        self.y = self.x * 3.0 + 2.0
        self.w, self.b = nf.Variable(5.0), nf.Variable(10.0)
        self.optimizer = nf.train.GradientDescentOptimizer(learning_rate=0.01)
        self.time_step()

    def time_step(self):
        with nf.GradientTape() as tape:
            loss = nf.reduce_mean(nf.square(self.x * self.w + self.b - self.y))
        gradients = tape.gradient(loss, [self.w, self.b])
        self.optimizer.apply_gradients(zip(gradients, [self.w, self.b], strict=True))
        return loss


class Perceptron:
    """One Adam step of a net of two layers, 64-128-10, on a batch of 64."""

    def setup(self):
        rng = np.random.default_rng(0)
        self.x = nf.constant(rng.standard_normal((64, 64)).astype("float32"))
        self.labels = nf.constant(rng.integers(0, 10, 64))
        shapes = [(64, 128), (128,), (128, 10), (10,)]
        self.variables = [nf.Variable((rng.standard_normal(s) * 0.1).astype("float32")) for s in shapes]
        self.optimizer = nf.train.AdamOptimizer(learning_rate=1e-3)
        self.time_step()

    def time_step(self):
        w, b, u, c = self.variables
        with nf.GradientTape() as tape:
            logits = nf.matmul(nf.nn.relu(nf.matmul(self.x, w) + b), u) + c
            loss = nf.losses.sparse_softmax_cross_entropy(self.labels, logits)
        gradients = tape.gradient(loss, self.variables)
        self.optimizer.apply_gradients(zip(gradients, self.variables, strict=True))
        return loss


class SoftmaxCrossEntropy:
    """Softmax cross-entropy of 1024 examples in 1000 classes, and its gradient."""

    def setup(self):
        rng = np.random.default_rng(0)
        self.logits = nf.constant(rng.standard_normal((1024, 1000)).astype("float32"))
        self.labels = nf.constant(rng.integers(0, 1000, 1024))
        self.gradient = nf.gradients_function(self.loss)
        self.time_value()
        self.time_gradient()

    def loss(self, logits):
        losses = nf.nn.sparse_softmax_cross_entropy_with_logits(labels=self.labels, logits=logits)
        return nf.reduce_mean(losses)

    def time_value(self):
        return self.loss(self.logits)

    def time_gradient(self):
        return self.gradient(self.logits)
