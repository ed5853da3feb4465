"""Settings that layers share: default float type, small epsilon, order of image axes; and names in use."""
import itertools
import re
import threading

from numbaflow.core.dtypes import as_dtype

_DATA_FORMATS = ("channels_last", "channels_first")
_settings = {"epsilon": 1e-7, "floatx": "float32", "image_data_format": "channels_last"}
_names: dict = {}                   # name -> counter
_lock = threading.Lock()


def epsilon():
    """The small number that keeps divisions finite, 1e-07 by default."""
    return _settings["epsilon"]


def set_epsilon(value):
    """Set what `epsilon` gives."""
    _settings["epsilon"] = float(value)


def floatx():
    """The name of the dtype that layers have by default, "float32"."""
    return _settings["floatx"]


def set_floatx(value):
    """Set what `floatx` gives: "float32" or "float64"."""
    name = as_dtype(value).name
    if name not in ("float32", "float64"):
        raise ValueError(f"set_floatx: expected 'float32' or 'float64', got {value!r}")
    _settings["floatx"] = name


def image_data_format():
    """Where images have their channels by default: "channels_last" or "channels_first"."""
    return _settings["image_data_format"]


def set_image_data_format(data_format):
    """Set what `image_data_format` gives."""
    _settings["image_data_format"] = checked_data_format(data_format, "set_image_data_format")


def checked_data_format(data_format, owner):
    """A data format, the default for None; ValueError that names the owner."""
    if data_format is None:
        return _settings["image_data_format"]
    name = str(data_format).lower()
    if name not in _DATA_FORMATS:
        raise ValueError(f"{owner}: data_format is one of {', '.join(_DATA_FORMATS)}, got {data_format!r}")
    return name


# ---- names
def snake_case(name):
    """A class's name as a layer's: "MNISTModel" is "mnist_model", "Conv2DTranspose" is "conv2d_transpose"."""
    spaced = re.sub(r"(?<=.)(?=[A-Z][a-z])", "_", name)
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", spaced)
    snake = re.sub(r"_+", "_", spaced).lower()
    return f"private{snake}" if snake.startswith("_") else snake


def unique_name(prefix):
    """A name that was not given before in this process: "dense", "dense_1", "dense_2", ..."""
    with _lock:
        number = next(_names.setdefault(prefix, itertools.count()))
    return f"{prefix}_{number}" if number else prefix


def get_uid(prefix=""):
    """The next number for a prefix, from 1."""
    with _lock:
        return next(_names.setdefault(f"{prefix}/uid", itertools.count(1)))


def clear_session():
    """Forget the names given so far: the next layer of a kind is called "dense" again."""
    with _lock:
        _names.clear()
