"""Images: another size, turned around.  Resizing is linear, and its gradient an op: the adjoint."""
import numpy as np

from numbaflow.core import dtypes
from numbaflow.core.errors import InvalidArgumentError, UnimplementedError
from numbaflow.core.optable import Sample, integers, normal, op
from numbaflow.core.tensor import as_tensor
from numbaflow.kernels import resize as kernels

from .arguments import shape_of
from .casting import cast
from .rearranging import reverse
from .shape import expand_dims, squeeze

__all__ = ["ResizeMethod", "flip_left_right", "flip_up_down", "resize", "resize_bilinear", "resize_images",
           "resize_nearest_neighbor"]


# ---- ops
def _weights(size, new, align_corners, nearest):
    """[new, size]: what of each place of an axis goes into each new place."""
    aligned, one = align_corners and new > 1, np.float32(1)
    scale = one * (size - 1) / (new - 1) if aligned else one * size / new
    found = np.zeros((new, size))
    for i in range(new):
        place = np.float32(i) * np.float32(scale)
        at = np.floor(place + np.float32(0.5)) if nearest and align_corners else np.floor(place)
        share = 0.0 if nearest else float(place - at)
        found[i, min(int(at), size - 1)] += 1 - share
        found[i, min(int(at) + 1, size - 1)] += share
    return found


def _resized(images, size, align_corners=False, nearest=False):
    down = _weights(images.shape[1], size[0], align_corners, nearest)
    along = _weights(images.shape[2], size[1], align_corners, nearest)
    return np.einsum("ih,nhwc,kw->nikc", down, images, along).astype(images.dtype)


def _adjoint(dy, size, align_corners=False, nearest=False):
    down = _weights(size[0], dy.shape[1], align_corners, nearest)
    along = _weights(size[1], dy.shape[2], align_corners, nearest)
    return np.einsum("ih,nikc,kw->nhwc", down, dy, along).astype(dy.dtype)


_CASES = [((2, 3, 4, 2), (5, 7)), ((1, 5, 4, 3), (2, 3)), ((1, 3, 3, 1), (3, 1)), ((0, 2, 2, 1), (3, 3)),
          ((1, 1, 2, 2), (4, 4))]


def _samples(grad):
    """Samples of both methods, aligned and not, of images or of what comes back to them."""
    for shape, size in _CASES:
        given, other = ((shape[0], *size, shape[3]), shape[1:3]) if grad else (shape, size)
        for align_corners in (False, True):
            for nearest in (False, True):
                yield Sample(normal(*given), other, align_corners, nearest)


def _in_size(images, size):
    return (images.shape[0], *size, images.shape[3]), images.dtype


@op(inputs="dy", reference=_adjoint, samples=_samples(True), infer=lambda dy, size: _in_size(dy, size),
    grads={"dy": lambda g, align_corners, nearest, dy_shape:
           resized(g, dy_shape[1:3], align_corners, nearest)})
def resize_grad(dy, size, align_corners=False, nearest=False):
    """The gradient of images that were resized from `size`."""
    return kernels.resize_grad(dy, tuple(size), align_corners, nearest)


@op(inputs="images", infer=_in_size, reference=_resized,
    samples=[*_samples(False), Sample(integers(2, 3, 4, 1, dtype="uint8"), (4, 2), False, True)],
    grads={"images": lambda g, align_corners, nearest, images_shape:
           resize_grad(g, images_shape[1:3], align_corners, nearest)})
def resized(images, size, align_corners=False, nearest=False):
    """Images [n, height, width, channels] in another size, mixed from four pixels or from the nearest."""
    return kernels.resize(images, tuple(size), align_corners, nearest)


# ---- resize
def _size(name, size):
    try:
        found = shape_of(size)
    except (TypeError, ValueError):
        found = ()
    if len(found) != 2 or min(found) < 1:
        raise InvalidArgumentError(f"{name}: size must be [new_height, new_width], positive, got {size!r}")
    return found


def _batch(name, images):
    x = as_tensor(images)
    if x.ndim != 4 or x._dtype.kind not in "iuf":
        raise InvalidArgumentError(f"{name}: expected numbers [batch, height, width, channels], "
                                   f"got {x.dtype.name} of shape {tuple(x.shape)}")
    if not min(x._data.shape[1:3]):
        raise InvalidArgumentError(f"{name}: there is no pixel in images of shape {tuple(x.shape)}")
    return x


def resize_nearest_neighbor(images, size, align_corners=False, name=None):
    """Images in another size, each pixel that of the input at its place times size / new size, rounded down.

    Args:
        images: numbers [batch, height, width, channels].
        size: [new_height, new_width].
        align_corners: whether the centres of the corner pixels stay; places are then times
            (size - 1) / (new size - 1), and rounded.

    Returns:
        A tensor of the same dtype.

    >>> import numbaflow as nf
    >>> x = nf.constant([[[[1], [2]]]])
    >>> nf.image.resize_nearest_neighbor(x, [1, 4]).numpy().ravel().tolist()
    [1, 1, 2, 2]
    """
    x = _batch("resize_nearest_neighbor", images)
    return resized(x, _size("resize_nearest_neighbor", size), bool(align_corners), True)


def resize_bilinear(images, size, align_corners=False, name=None):
    """Images in another size, each pixel mixed from the four around its place times size / new size.

    Args:
        images: numbers [batch, height, width, channels]; integers become float32.
        size: [new_height, new_width].
        align_corners: whether the centres of the corner pixels stay; places are then times
            (size - 1) / (new size - 1).

    >>> import numbaflow as nf
    >>> x = nf.constant([[[[1.0], [2.0]]]])
    >>> nf.image.resize_bilinear(x, [1, 4]).numpy().ravel().tolist()
    [1.0, 1.5, 2.0, 2.0]
    """
    x = _batch("resize_bilinear", images)
    if x._dtype.kind != "f":
        x = cast(x, dtypes.FLOAT32)
    return resized(x, _size("resize_bilinear", size), bool(align_corners), False)


class ResizeMethod:
    """Names of the methods of `resize_images`; BICUBIC and AREA are refused."""

    BILINEAR, NEAREST_NEIGHBOR, BICUBIC, AREA = range(4)


def resize_images(images, size, method=ResizeMethod.BILINEAR, align_corners=False,
                  preserve_aspect_ratio=False, name=None):
    """Images in another size, by one of the methods of `ResizeMethod`.

    Args:
        images: [batch, height, width, channels] or [height, width, channels].
        size: [new_height, new_width].
        method: ResizeMethod.BILINEAR or ResizeMethod.NEAREST_NEIGHBOR.
        align_corners: as in `resize_bilinear`.
        preserve_aspect_ratio: whether the size is a bound in which the images keep their proportions.

    Returns:
        The images themselves where they have that size, else a tensor as from `resize_bilinear` or
        `resize_nearest_neighbor`.

    Raises:
        ValueError: another rank, a size that is not two positive integers, an unknown method.

    >>> import numbaflow as nf
    >>> nf.image.resize_images(nf.ones([28, 28, 1]), [8, 9]).shape
    (8, 9, 1)
    """
    x = as_tensor(images)
    if x.ndim not in (3, 4):
        raise InvalidArgumentError("resize_images: 'images' must have either 3 or 4 dimensions, "
                                   f"got shape {tuple(x.shape)}")
    run = _method(method)
    height, width = x._data.shape[-3:-1]
    size = _size("resize_images", size)
    if preserve_aspect_ratio and min(height, width):
        scale = min(size[0] / height, size[1] / width)
        size = max(round(scale * height), 1), max(round(scale * width), 1)
    if size == (height, width):
        return x
    y = run(x if x.ndim == 4 else expand_dims(x, 0), size, align_corners)
    return y if x.ndim == 4 else squeeze(y, [0])


def _method(method):
    if method == ResizeMethod.BILINEAR:
        return resize_bilinear
    if method == ResizeMethod.NEAREST_NEIGHBOR:
        return resize_nearest_neighbor
    names = {ResizeMethod.BICUBIC: "BICUBIC", ResizeMethod.AREA: "AREA"}
    if isinstance(method, int) and method in names:
        raise UnimplementedError(f"resize_images: the method {names[method]} is not there: "
                                 "use BILINEAR or NEAREST_NEIGHBOR")
    raise InvalidArgumentError(f"resize_images: unknown method {method!r}: expected ResizeMethod.BILINEAR or "
                               "ResizeMethod.NEAREST_NEIGHBOR")


resize = resize_images


# ---- flips
def _flipped(name, image, axis):
    x = as_tensor(image)
    if x.ndim not in (3, 4):
        raise InvalidArgumentError(f"{name}: expected an image or a batch of them, of rank 3 or 4, "
                                   f"got shape {tuple(x.shape)}")
    return reverse(x, [x.ndim + axis])


def flip_left_right(image):
    """An image [..., height, width, channels] with its columns in reverse order.

    >>> import numbaflow as nf
    >>> nf.image.flip_left_right([[[1], [2]]]).numpy().tolist()
    [[[2], [1]]]
    """
    return _flipped("flip_left_right", image, -2)


def flip_up_down(image):
    """An image [..., height, width, channels] with its rows in reverse order.

    >>> import numbaflow as nf
    >>> nf.image.flip_up_down([[[1]], [[2]]]).numpy().tolist()
    [[[2]], [[1]]]
    """
    return _flipped("flip_up_down", image, -3)
