"""MNIST: 70,000 images of handwritten digits (LeCun, Cortes and Burges), as Keras packs it, one .npz file."""
import os
import zipfile

import numpy as np

from numbaflow.core.errors import DataLossError
from numbaflow.keras.utils.fetching import get_file

_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def load_data(path="mnist.npz"):
    """MNIST's images and labels.

    Args:
        path: a file that is there is read as it is; otherwise the name that a download is kept under, in
            ``~/.keras/datasets`` or, where that is set, ``$KERAS_HOME/datasets``.

    Returns:
        ``((x_train, y_train), (x_test, y_test))``: uint8 images [60000, 28, 28] and [10000, 28, 28], 0 where
        there is no ink, and uint8 labels from 0 to 9.

    Raises:
        UnavailableError (a ConnectionError): there is no file and no network.
        DataLossError (an OSError): the file is not such a data set, or was not downloaded whole.
    """
    file = path if os.path.isfile(path) else get_file(path, _URL, file_hash=_SHA256)
    x_train, y_train, x_test, y_test = _arrays(file)
    return (x_train, y_train), (x_test, y_test)


def _arrays(file):
    try:
        with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as held:
            return [held[name] for name in _ARRAYS]
    except KeyError as error:
        raise DataLossError(f"{file}: {error.args[0]}; expected the arrays {', '.join(_ARRAYS)}") from error
    except (ValueError, OSError, AttributeError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise DataLossError(f"{file} is no readable .npz file of numbers: {error}") from error
