"""Digits: 1,797 handwritten digits of 8 x 8 pixels, shipped with scikit-learn; no network needed.

Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
"""
import numpy as np


def load_data(test_split=0.25, seed=0):
    """Images and labels of handwritten digits, split into training and held-out ones.

    Args:
        test_split: the share that is held out, of each digit alike.
        seed: which ones; the same seed gives the same split.

    Returns:
        ``((x_train, y_train), (x_test, y_test))``: uint8 images [n, 8, 8] with ink from 0 to 16, and int64
        labels from 0 to 9.

    Raises:
        ImportError: scikit-learn is not installed.
        ValueError: a share that is not between 0 and 1.

    >>> import numbaflow as nf
    >>> (x_train, y_train), (x_test, y_test) = nf.keras.datasets.digits.load_data()
    >>> x_train.shape, x_test.shape, int(x_train.max())
    ((1347, 8, 8), (450, 8, 8), 16)
    """
    if not 0 < test_split < 1:
        raise ValueError(f"test_split is the share that is held out, between 0 and 1; got {test_split}")
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise ImportError("keras.datasets.digits comes with scikit-learn, which is not installed: "
                          "pip install scikit-learn, or 'numbaflow[examples]'") from error
    held = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        held.images.astype(np.uint8), held.target.astype(np.int64), test_size=test_split, random_state=seed,
        stratify=held.target)
    return (x_train, y_train), (x_test, y_test)
