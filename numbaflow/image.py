"""`nf.image`: images in another size or turned around."""
from .ops.images import (
    ResizeMethod,
    flip_left_right,
    flip_up_down,
    resize,
    resize_bilinear,
    resize_images,
    resize_nearest_neighbor,
)

__all__ = [
    "ResizeMethod",
    "flip_left_right",
    "flip_up_down",
    "resize",
    "resize_bilinear",
    "resize_images",
    "resize_nearest_neighbor",
]
