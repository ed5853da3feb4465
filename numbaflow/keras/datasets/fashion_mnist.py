"""Fashion-MNIST: 70,000 images of clothes in ten classes (Xiao, Rasul and Vollgraf, 2017; Zalando).

It comes in MNIST's own format: two zero bytes, a type, the number of axes, their extents as big-endian words
of 32 bits, then the bytes.
"""
import gzip
import zlib
from pathlib import Path

import numpy as np

from numbaflow.core.errors import DataLossError
from numbaflow.keras.utils.fetching import cache_folder, get_file

_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
_UBYTE = 8


def load_data(path="fashion-mnist"):
    """Fashion-MNIST's images and labels.

    Args:
        path: the folder of the four .gz files; those that are there are read as they are.  A folder that is
            not there is the name that downloads are kept under, in ``~/.keras/datasets`` or, where that is
            set, ``$KERAS_HOME/datasets``.

    Returns:
        ``((x_train, y_train), (x_test, y_test))``: uint8 images [60000, 28, 28] and [10000, 28, 28], and
        uint8 labels: 0 T-shirt, 1 trousers, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker,
        8 bag, 9 ankle boot.

    Raises:
        UnavailableError (a ConnectionError): a file is missing and there is no network.
        DataLossError (an OSError): a file is not in that format, or was not downloaded whole.
    """
    folder = Path(path) if Path(path).is_dir() else cache_folder() / "datasets" / path
    files = [get_file(str(folder.absolute() / name), _URL + name, md5_hash=md5) for name, md5 in _MD5.items()]
    x_train, y_train, x_test, y_test = map(_read, files)
    return (x_train, y_train), (x_test, y_test)


def _read(file):
    try:
        with gzip.open(file) as stream:
            content = stream.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataLossError(f"{file} is no whole gzip file: {error}") from error
    return _array(content, file)


def _array(content, file):
    """The array of a file in MNIST's format."""
    start = 4 + 4 * content[3] if len(content) > 3 else 0
    if len(content) < max(start, 4) or content[:3] != bytes((0, 0, _UBYTE)):
        raise DataLossError(f"{file} does not begin as a file of bytes in MNIST's format: {content[:4]!r}")
    shape = np.frombuffer(content, ">u4", content[3], 4).astype(np.int64)
    if len(content) - start != shape.prod():
        raise DataLossError(f"{file} holds {len(content) - start} bytes for an array of shape "
                            f"{tuple(shape.tolist())}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
