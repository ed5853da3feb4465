"""Arrays prepared for a model: classes in one-hot form, vectors of length 1.  NumPy in, NumPy out."""
import numpy as np


def to_categorical(y, num_classes=None, dtype="float32"):
    """Classes given by number in one-hot form.

    Args:
        y: integers from 0 to num_classes - 1, [...] or [..., 1].
        num_classes: the number of classes; by default the largest in `y` and one more.
        dtype: the dtype of the result.

    Returns:
        An array [..., num_classes], 1 at each element's class and 0 elsewhere.

    Raises:
        ValueError: a class out of range, or values that are no integers.

    >>> import numbaflow as nf
    >>> nf.keras.utils.to_categorical([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    given = np.asarray(y)
    classes = given.astype(np.int64)
    if not np.array_equal(classes, given):
        raise ValueError(f"to_categorical: classes are integers, got {given.ravel()[:5].tolist()} ...")
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    count = int(num_classes or (classes.max() + 1 if classes.size else 0))
    if classes.size and (classes.min() < 0 or classes.max() >= count):
        raise ValueError(f"to_categorical: classes from {classes.min()} to {classes.max()} for {count} "
                         f"classes; expected 0 to {count - 1}")
    encoded = np.zeros((classes.size, count), dtype)
    encoded[np.arange(classes.size), classes.ravel()] = 1
    return encoded.reshape(*classes.shape, count)


def normalize(x, axis=-1, order=2):
    """An array divided by its norms along an axis; vectors of norm 0 stay.

    Args:
        x: numbers of any shape.
        axis: the axis that a vector lies along.
        order: the norm's order, 2 for the length; as for ``numpy.linalg.norm``.

    >>> import numbaflow as nf
    >>> nf.keras.utils.normalize([[3.0, 4.0], [0.0, 0.0]]).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    norms = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norms == 0, 1, norms)
