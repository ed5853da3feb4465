"""A look into checkpoint files without any objects: names, shapes and values."""
import os

from numbaflow.core.errors import NotFoundError

from .checkpoint_reader import CheckpointReader
from .checkpoint_state import latest_checkpoint


def load_checkpoint(ckpt_dir_or_file):
    """A reader of a checkpoint, with get_tensor, has_tensor and get_variable_to_shape_map.

    Args:
        ckpt_dir_or_file: a checkpoint such as ``"./ckpt/-1"``, or a folder, of which the latest is read.

    Raises:
        NotFoundError: no such checkpoint, or a folder without one.
        DataLossError: a file that is truncated, corrupted or no checkpoint.

    >>> import numbaflow as nf, tempfile
    >>> path = nf.train.Checkpoint(x=nf.Variable([1.0, 2.0])).save(tempfile.mkdtemp() + "/ckpt")
    >>> reader = nf.train.load_checkpoint(path)
    >>> reader.get_variable_to_shape_map()["x/.ATTRIBUTES/VARIABLE_VALUE"]
    [2]
    >>> reader.get_tensor("x/.ATTRIBUTES/VARIABLE_VALUE").tolist()
    [1.0, 2.0]
    """
    path = os.fspath(ckpt_dir_or_file)
    if os.path.isdir(path):
        latest = latest_checkpoint(path)
        if latest is None:
            raise NotFoundError(f"Couldn't find 'checkpoint' file or checkpoints in given directory {path!r}")
        path = latest
    return CheckpointReader(path)


def list_variables(ckpt_dir_or_file):
    """The (name, shape) of all values in a checkpoint, sorted by name.

    Arguments and errors are those of ``load_checkpoint``.

    >>> import numbaflow as nf, tempfile
    >>> path = nf.train.Checkpoint(x=nf.Variable([1.0, 2.0])).save(tempfile.mkdtemp() + "/ckpt")
    >>> nf.train.list_variables(path)
    [('save_counter/.ATTRIBUTES/VARIABLE_VALUE', []), ('x/.ATTRIBUTES/VARIABLE_VALUE', [2])]
    """
    return list(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file, name):
    """The value of one name in a checkpoint, as an array; ``":0"`` at its end is left out.

    Arguments and errors are those of ``load_checkpoint``, and NotFoundError for a name that is not there.

    >>> import numbaflow as nf, tempfile
    >>> path = nf.train.Checkpoint(x=nf.Variable([1.0, 2.0])).save(tempfile.mkdtemp() + "/ckpt")
    >>> nf.train.load_variable(path, "x/.ATTRIBUTES/VARIABLE_VALUE").tolist()
    [1.0, 2.0]
    """
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))
