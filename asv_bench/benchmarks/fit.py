"""Training and prediction with Keras' own loops, beside the same steps written by hand."""
import numpy as np

import numbaflow as nf


class Fit:
    """An epoch of 100 shuffled batches of 32 of a net of two layers, 784-128-10, with Adam."""

    def setup(self):
        rng = np.random.default_rng(0)
        self.x = rng.random((3200, 784), np.float32)
        self.labels = rng.integers(0, 10, 3200)
        self.loss = nf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model, self.measured = self.net([]), self.net(["accuracy"])
        self.time_epoch()
        self.time_epoch_with_accuracy()
        self.time_epoch_by_hand()
        self.time_predict()

    def net(self, metrics):
        """The model, compiled."""
        layers = nf.keras.layers
        model = nf.keras.Sequential([layers.Dense(128, activation="relu"), layers.Dense(10)])
        model.compile(nf.train.AdamOptimizer(1e-3), self.loss, metrics=metrics)
        return model

    def time_epoch(self):
        return self.model.fit(self.x, self.labels, batch_size=32, verbose=0)

    def time_epoch_with_accuracy(self):
        return self.measured.fit(self.x, self.labels, batch_size=32, verbose=0)

    def time_epoch_by_hand(self):
        model, optimizer = self.model, self.model.optimizer
        order = np.random.permutation(3200)
        for k in range(0, 3200, 32):
            rows = order[k:k + 32]
            x, labels = nf.constant(self.x[rows]), nf.constant(self.labels[rows])
            with nf.GradientTape() as tape:
                loss = self.loss(labels, model(x, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    def time_predict(self):
        return self.model.predict(self.x)
