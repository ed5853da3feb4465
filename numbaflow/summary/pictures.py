"""Pixels of image summaries: floats scaled to bytes, and PNG files made of them."""
import io

import numpy as np

from numbaflow.core.errors import InvalidArgumentError

BAD_COLOR = (255, 0, 0, 255)
_NOTHING = 1e-6             # as in TensorFlow: an image of less is all zero
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def pixels(images, tag, bad_color, max_images):
    """The first images of a (batch, height, width, channels) array as uint8."""
    if images.ndim != 4 or images.shape[3] not in _MODES:
        raise InvalidArgumentError(f"image: {tag!r} takes (batch, height, width, 1, 3 or 4), got "
                                   f"{images.shape}")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise InvalidArgumentError(f"image: {tag!r} takes uint8 or floats, got {images.dtype.name}")
    color = np.asarray(bad_color)
    if color.ndim != 1 or color.size < images.shape[3]:
        raise InvalidArgumentError(f"image: bad_color needs {images.shape[3]} channels, got {bad_color!r}")
    chosen = images[:max_images]
    return chosen if chosen.dtype == np.uint8 else [_scaled(x, color[:x.shape[2]]) for x in chosen]


def _scaled(image, bad_color):
    """One image of floats as uint8, pixels with a value that is not finite in bad_color."""
    image = image.astype(np.float64)
    bad = ~np.isfinite(image).all(axis=2)
    finite = image[~bad]
    low, largest = (finite.min(), np.abs(finite).max()) if finite.size else (0.0, 0.0)
    reach, offset = (127.0, 128.0) if low < 0 else (255.0, 0.0)
    scale = reach / largest if largest >= _NOTHING else 0.0
    made = np.clip(np.where(bad[..., None], 0.0, image) * scale + offset, 0.0, 255.0).astype(np.uint8)
    made[bad] = bad_color
    return made


def png(picture):
    """The bytes of a PNG file of a (height, width, channels) uint8 array."""
    from PIL import Image
    file, depth = io.BytesIO(), picture.shape[2]
    Image.fromarray(picture[..., 0] if depth == 1 else picture, _MODES[depth]).save(file, format="PNG")
    return file.getvalue()
