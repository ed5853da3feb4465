"""CIFAR-10: 60,000 colour images in ten classes (Krizhevsky, 2009), read from the archive for Python.

The archive holds pickles.  They are read by an unpickler that makes NumPy arrays, bytes and plain containers
and refuses all else, so that a file can't run code.
"""
import io
import pickle
import tarfile
import zlib
from pathlib import Path

import numpy as np

from numbaflow.core.errors import DataLossError
from numbaflow.keras.utils.fetching import cache_folder, get_file

_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
_MD5 = "c58f30108f718f92721af3b95e74349a"
_FOLDER = "cifar-10-batches-py"
_TRAIN, _TEST = [f"data_batch_{k}" for k in range(1, 6)], ["test_batch"]
_PIXELS = 3 * 32 * 32


def load_data(path=None):
    """CIFAR-10's images and labels.

    Args:
        path: the archive ``cifar-10-python.tar.gz`` or the folder ``cifar-10-batches-py`` that is in it, read
            as it is; otherwise the path that a download is kept under.  By default whichever is there in
            ``~/.keras/datasets`` (``$KERAS_HOME/datasets`` where that is set); a download goes there too.

    Returns:
        ``((x_train, y_train), (x_test, y_test))``: uint8 images [50000, 32, 32, 3] and [10000, 32, 32, 3],
        and uint8 labels [50000, 1] and [10000, 1]: 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog,
        6 frog, 7 horse, 8 ship, 9 truck.

    Raises:
        UnavailableError (a ConnectionError): there is no file and no network.
        DataLossError (an OSError): what is there is not the data set, or was not downloaded whole.
    """
    source = Path(path) if path is not None and Path(path).exists() else _kept(path)
    read = _read_folder if source.is_dir() else _read_archive
    batches = read(source, _TRAIN + _TEST)
    train, test = [batches[name] for name in _TRAIN], [batches[name] for name in _TEST]
    return _joined(train), _joined(test)


def _kept(path):
    """The file that is kept, downloaded if need be."""
    if path is None:
        datasets = cache_folder() / "datasets"
        for name in (_FOLDER, f"{_FOLDER}.tar.gz"):         # what Keras keeps it under
            if (datasets / name).exists():
                return datasets / name
    return Path(get_file(path or "cifar-10-python.tar.gz", _URL, md5_hash=_MD5))


def _read_folder(folder, names):
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise DataLossError(f"{folder} has no {', '.join(missing)}")
    return {name: _batch((folder / name).read_bytes(), folder / name) for name in names}


def _read_archive(file, names):
    found = {}
    try:
        with tarfile.open(file) as archive:
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                if name in names and member.isfile():
                    found[name] = _batch(archive.extractfile(member).read(), f"{file}, {member.name}")
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        if isinstance(error, DataLossError):
            raise
        raise DataLossError(f"{file} is no whole tar archive: {error}") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise DataLossError(f"{file} has no {', '.join(missing)}")
    return found


def _batch(content, where):
    """Images [n, 32, 32, 3] and labels [n, 1] of one pickled batch."""
    try:
        held = _Plain(content).load()
        data, labels = held[b"data"], np.asarray(held[b"labels"])
    except (pickle.UnpicklingError, KeyError, TypeError, ValueError, EOFError, IndexError, AttributeError,
            ImportError) as error:
        raise DataLossError(f"{where} is no batch of CIFAR-10: {type(error).__name__}: {error}") from error
    if not (isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.ndim == 2
            and data.shape == (labels.size, _PIXELS) and labels.dtype.kind in "iu"):
        raise DataLossError(f"{where}: expected uint8 data [n, {_PIXELS}] and n labels, got data of shape "
                            f"{np.shape(data)} and labels of shape {labels.shape}")
    images = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images, labels.astype(np.uint8).reshape(-1, 1)


def _joined(batches):
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


# ---- the unpickler
def _latin1(text, encoding="latin1"):
    """Bytes as Python 3 writes them for protocol 2."""
    if type(text) is not str or encoding != "latin1":
        raise pickle.UnpicklingError("bytes in another form than latin1 text")
    return text.encode("latin1")


_RECONSTRUCT = np.zeros(0).__reduce__()[0]
_ALLOWED = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype, ("_codecs", "encode"): _latin1,
            ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
            ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT}


class _Plain(pickle.Unpickler):
    """Makes arrays, bytes and plain containers only."""

    def __init__(self, content):
        super().__init__(io.BytesIO(content), encoding="bytes")

    def find_class(self, module, name):
        found = _ALLOWED.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a data file")
        return found
