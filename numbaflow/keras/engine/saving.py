"""A model's weights in files: checkpoints whose root is the model."""
import os

from numbaflow.core.errors import AlreadyExistsError, UnimplementedError
from numbaflow.train.checkpoint_file import file_of
from numbaflow.train.checkpoint_graph import write
from numbaflow.train.checkpoint_restore import restore
from numbaflow.train.checkpoint_state import record_state

_HDF5 = (".h5", ".hdf5", ".keras")
_FORMATS = {"tf": "tf", "tensorflow": "tf", "h5": "h5", "hdf5": "h5", "keras": "h5"}


def save_weights(model, filepath, overwrite=True, save_format=None):
    """Write a checkpoint of the model, and name it as the latest of its folder."""
    write_checkpoint(model, check_path(model, filepath, overwrite, save_format, "save_weights"))


def check_path(model, filepath, overwrite, save_format, method):
    """The path as a string; an error where a model can't be saved there."""
    path = os.fspath(filepath)
    _check_format(path, save_format, method)
    if not model.weights:
        raise ValueError(f"{method}: {model.name} has no weights yet; build it or call it on data first")
    if not overwrite and os.path.exists(file_of(path)):
        raise AlreadyExistsError(f"{method}: {file_of(path)} exists, and overwrite is False")
    return path


def write_checkpoint(root, path):
    """Write a checkpoint, and name it as the latest of its folder."""
    write(root, path)
    record_state(os.path.dirname(path), path, [path])


def load_weights(model, filepath, by_name=False):
    """Restore a checkpoint that `save_weights` wrote; returns its status."""
    path = os.fspath(filepath)
    if path.endswith(_HDF5):
        raise _no_hdf5("load_weights", path)
    if by_name:
        raise NotImplementedError("load_weights: by_name goes with HDF5 files only; a checkpoint is matched "
                                  "by the names of attributes")
    status = restore(model, path)
    status.assert_nontrivial_match()
    return status


def _check_format(path, save_format, method):
    looks = path.endswith(_HDF5)
    if save_format is None:
        kind = "h5" if looks else "tf"
    else:
        kind = _FORMATS.get(str(save_format).lower())
        if kind is None:
            raise ValueError(f'Unknown format "{save_format}". Was expecting one of {{"tf", "h5"}}.')
    if kind == "tf" and looks:
        raise ValueError(f'{method} got save_format="tf"/"tensorflow", but the filepath ("{path}") looks '
                         "like an HDF5 file. Omit the ending, or the format.")
    if kind == "h5":
        raise _no_hdf5(method, path)


def _no_hdf5(method, path):
    return UnimplementedError(f"{method}: {path} names an HDF5 file, which numbaflow does not read or write. "
                              f"Use the default format: a path without the ending {', '.join(_HDF5)}, and "
                              "no save_format.")
