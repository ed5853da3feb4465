"""ResNet-50, the residual network of 50 layers (He et al., 2015), as a functional model."""
from .. import layers
from ..engine import Input, Model

# (filters, blocks, stride of the first block) of each stage
_STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))


def _normalized(x, name, relu=True):
    x = layers.BatchNormalization(name=f"bn{name}")(x)
    return layers.Activation("relu")(x) if relu else x


def _conv(x, filters, size, name, stride=1, relu=True):
    x = layers.Conv2D(filters, size, strides=stride, padding="same", name=f"res{name}")(x)
    return _normalized(x, name, relu)


def _block(x, filters, name, stride, projected):
    """Three convolutions, the last four times as wide, beside the input or a projection of it."""
    y = _conv(x, filters, 1, f"{name}_branch2a", stride)
    y = _conv(y, filters, 3, f"{name}_branch2b")
    y = _conv(y, 4 * filters, 1, f"{name}_branch2c", relu=False)
    shortcut = _conv(x, 4 * filters, 1, f"{name}_branch1", stride, relu=False) if projected else x
    return layers.Activation("relu")(layers.Add()([y, shortcut]))


def _stem(x):
    x = layers.ZeroPadding2D(3)(x)
    x = layers.Conv2D(64, 7, strides=2, name="conv1")(x)
    x = _normalized(x, "_conv1")
    return layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))


def _head(x, include_top, pooling, classes):
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        return layers.Dense(classes, activation="softmax", name=f"fc{classes}")(x)
    if pooling is None:
        return x
    pools = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
    if pooling not in pools:
        raise ValueError(f"ResNet50: unknown pooling {pooling!r}; expected None, 'avg' or 'max'")
    return pools[pooling]()(x)


def ResNet50(include_top=True, weights=None, input_tensor=None, input_shape=None, pooling=None, classes=1000):
    """The residual network of 50 layers, 25.6 million parameters with its top.

    Args:
        include_top: whether the mean over the image and the classifier are part of it.
        weights: None for random ones, or the path of weights saved with `save_weights`.
        input_tensor: a keras input to stand on.
        input_shape: (height, width, channels), at least 32 x 32; (224, 224, 3) by default.
        pooling: without the top, what becomes of the last maps: None, "avg" or "max".
        classes: how many classes the top tells apart; it gives their probabilities.

    Returns:
        A model of images [n, height, width, channels].

    Raises:
        ValueError: an unknown pooling, images that are too small, or "imagenet", which is not shipped.

    He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, 2015.

    >>> import numbaflow as nf
    >>> model = nf.keras.applications.ResNet50(weights=None)
    >>> model.count_params()
    25636712
    """
    if weights == "imagenet":
        raise ValueError("ResNet50: no trained weights are shipped; give None or the path of saved weights")
    shape = tuple(input_shape) if input_shape is not None else (224, 224, 3)
    if len(shape) != 3 or any(n is not None and n < 32 for n in shape[:2]):
        raise ValueError("ResNet50: input_shape must be (height, width, channels) of at least 32 x 32, got "
                         f"{shape}")
    image = Input(shape) if input_tensor is None else input_tensor
    x = _stem(image)
    for stage, (filters, blocks, stride) in enumerate(_STAGES, 2):
        for k in range(blocks):
            x = _block(x, filters, f"{stage}{'abcdef'[k]}", stride if k == 0 else 1, projected=k == 0)
    model = Model(image, _head(x, include_top, pooling, classes), name="resnet50")
    if weights is not None:
        model.load_weights(weights)
    return model
