"""Convolutions of the guide's network and of ResNet-50: the output and both gradients, float32."""
import numpy as np
from numbaflow.kernels import conv_layouts

import numbaflow as nf

# name -> (images, filter, stride, padding on each side)
SHAPES = {
    "digits, 3x3, 16": ((32, 26, 26, 16), (3, 3, 16, 16), 1, 0),
    "1x1, 64 to 256 at 56": ((4, 56, 56, 64), (1, 1, 64, 256), 1, 0),
    "3x3, 64 at 56": ((4, 56, 56, 64), (3, 3, 64, 64), 1, 1),
    "3x3, 128 at 28": ((4, 28, 28, 128), (3, 3, 128, 128), 1, 1),
    "3x3, 256 at 14": ((4, 14, 14, 256), (3, 3, 256, 256), 1, 1),
    "3x3, 512 at 7": ((4, 7, 7, 512), (3, 3, 512, 512), 1, 1),
    "1x1 / 2, 1024 to 512 at 14": ((4, 14, 14, 1024), (1, 1, 1024, 512), 2, 0),
    "7x7 / 2, 3 to 64 at 224": ((4, 224, 224, 3), (7, 7, 3, 64), 2, 3),
}


class Convolution:
    """One product each; GFLOP a call is 2 * outputs * taps * channels / 1e9."""

    params = tuple(SHAPES)
    param_names = ("shape",)

    def setup(self, shape):
        images, filter, stride, pad = SHAPES[shape]
        rng = np.random.default_rng(0)
        self.x = rng.standard_normal(images, dtype=np.float32)
        self.w = rng.standard_normal(filter, dtype=np.float32)
        self.how = ((stride,) * 2, ((pad, pad),) * 2, (1, 1), False, 1)
        self.dy = conv_layouts.output(self.x, self.w, *self.how)
        self.time_input_gradient(shape)
        self.time_filter_gradient(shape)

    def time_output(self, shape):
        conv_layouts.output(self.x, self.w, *self.how)

    def time_input_gradient(self, shape):
        conv_layouts.input_grad(self.dy, self.w, self.x.shape, *self.how)

    def time_filter_gradient(self, shape):
        conv_layouts.filter_grad(self.x, self.dy, self.w.shape, *self.how)


class ResNet50:
    """A training step on small images; asv_bench/resnet50.py races the whole size against PyTorch."""

    def setup(self):
        self.model = nf.keras.applications.ResNet50(input_shape=(64, 64, 3), classes=10)
        self.images, self.labels = nf.random_normal((2, 64, 64, 3)), nf.constant([1, 2])
        self.optimizer = nf.train.MomentumOptimizer(0.01, 0.9)
        self.time_step()

    def time_step(self):
        with nf.GradientTape() as tape:
            probabilities = self.model(self.images, training=True)
            losses = nf.keras.losses.sparse_categorical_crossentropy(self.labels, probabilities)
            loss = nf.reduce_mean(losses)
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
