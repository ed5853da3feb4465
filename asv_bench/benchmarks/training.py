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


OPTIMIZERS = {
    "GradientDescent": lambda: nf.train.GradientDescentOptimizer(0.01),
    "Momentum": lambda: nf.train.MomentumOptimizer(0.01, 0.9),
    "Adam": lambda: nf.train.AdamOptimizer(0.01),
    "RMSProp": lambda: nf.train.RMSPropOptimizer(0.01),
    "Adagrad": lambda: nf.train.AdagradOptimizer(0.01),
    "Adadelta": lambda: nf.train.AdadeltaOptimizer(0.01),
    "Ftrl": lambda: nf.train.FtrlOptimizer(0.01, l1_regularization_strength=0.1),
    "ProximalGradientDescent": lambda: nf.train.ProximalGradientDescentOptimizer(0.01, 0.1, 0.1),
    "ProximalAdagrad": lambda: nf.train.ProximalAdagradOptimizer(0.01, 0.1, 0.1, 0.1),
    "AdagradDA": lambda: nf.train.AdagradDAOptimizer(0.01, nf.Variable(0)),
    "AdamW": lambda: nf.train.AdamWOptimizer(0.01, 0.01),
    "keras SGD": lambda: nf.keras.optimizers.SGD(0.01, momentum=0.9),
    "keras Adam": lambda: nf.keras.optimizers.Adam(0.01),
    "keras RMSprop": lambda: nf.keras.optimizers.RMSprop(0.01),
    "keras Adamax": lambda: nf.keras.optimizers.Adamax(0.01),
    "keras Nadam": lambda: nf.keras.optimizers.Nadam(0.01),
}
SHAPES = {"160 of 64": [(64,)] * 160, "4 of a small net": [(64, 128), (128,), (128, 10), (10,)],
          "one of 4M": [(2048, 2048)]}


class OptimizerSteps:
    """One step of an optimizer over variables of float32."""

    params = (list(OPTIMIZERS), list(SHAPES))
    param_names = ("optimizer", "variables")

    def setup(self, optimizer, variables):
        rng = np.random.default_rng(0)
        draw = [rng.standard_normal(s).astype("float32") for s in SHAPES[variables]]
        self.pairs = [(nf.constant(d), nf.Variable(d)) for d in draw]
        self.optimizer = OPTIMIZERS[optimizer]()
        self.time_step(optimizer, variables)

    def time_step(self, optimizer, variables):
        self.optimizer.apply_gradients(self.pairs)


class Losses:
    """A loss of 1024 examples in 100 classes or of as many numbers, and its gradient."""

    params = ("mean_squared_error", "absolute_difference", "huber_loss", "log_loss", "hinge_loss",
              "sigmoid_cross_entropy", "softmax_cross_entropy", "keras binary_crossentropy",
              "keras categorical_crossentropy", "keras logcosh")

    def setup(self, name):
        rng = np.random.default_rng(0)
        self.labels = nf.constant((rng.random((1024, 100)) < 0.01).astype("float32"))
        self.predictions = nf.constant(rng.uniform(0.01, 0.99, (1024, 100)).astype("float32"))
        face = name.removeprefix("keras ")
        self.loss = getattr(nf.losses if face == name else nf.keras.losses, face)
        self.gradient = nf.gradients_function(self.loss, params=[1])
        self.time_value(name)
        self.time_gradient(name)

    def time_value(self, name):
        return self.loss(self.labels, self.predictions)

    def time_gradient(self, name):
        return self.gradient(self.labels, self.predictions)


class Metrics:
    """An update of a metric with a batch of 32."""

    params = ("Mean", "SparseAccuracy", "keras Mean", "keras SparseCategoricalAccuracy", "keras AUC")

    def setup(self, name):
        rng = np.random.default_rng(0)
        scores = nf.constant(rng.random((32, 10)).astype("float32"))
        labels = nf.constant(rng.integers(0, 10, 32))
        kind = name.removeprefix("keras ")
        self.metric = getattr(nf.contrib.eager.metrics if kind == name else nf.keras.metrics, kind)()
        batches = {"Mean": (nf.constant(0.5),), "AUC": (labels > 4, scores[:, 0])}
        self.batch = batches.get(kind, (labels, scores))
        self.time_update(name)

    def time_update(self, name):
        self.metric(*self.batch)
