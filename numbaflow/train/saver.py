"""Saver: checkpoints of variables by their names, and the reading of such files by objects."""
import os

from numbaflow.core.device_variable import array_of
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.variable import Variable

from .checkpoint_file import write_file
from .checkpoint_graph import graph_of
from .checkpoint_reader import CheckpointReader
from .checkpoint_state import record_state
from .checkpoint_status import NameBasedSaverStatus, described
from .global_step import global_step as step_of


class Saver:
    """Saves variables under their own names and restores them.

    Args:
        var_list: variables, or a dict of name -> variable.

    Raises:
        ValueError: two variables of one name.
        TypeError: what is no variable.

    >>> import numbaflow as nf, tempfile
    >>> v = nf.Variable(1.0, name="v")
    >>> saver = nf.contrib.eager.Saver([v])
    >>> path = saver.save(tempfile.mkdtemp() + "/ckpt", global_step=7)
    >>> _ = v.assign(5.0)
    >>> saver.restore(path)
    >>> path[-6:], v.numpy(), nf.train.list_variables(path)
    ('ckpt-7', np.float32(1.0), [('v', [])])
    """

    def __init__(self, var_list):
        if isinstance(var_list, dict):
            named = list(var_list.items())
        else:
            named = [(getattr(v, "_name", None), v) for v in var_list]
        self._variables = {}
        for name, variable in named:
            if not isinstance(variable, Variable):
                raise TypeError(f"Saver: a variable was expected, got {variable!r}")
            if name in self._variables:
                raise ValueError(f"At least two variables have the same name: {name}")
            self._variables[name] = variable

    def save(self, file_prefix, global_step=None):
        """Save the variables, record that in the folder's file `checkpoint`, and return the path.

        Args:
            file_prefix: the path.
            global_step: an int or an integer variable, which is added to it after a dash.

        Raises:
            OSError: a file that can't be written; nothing that was saved before is lost by that.
        """
        path = os.fspath(file_prefix)
        if global_step is not None:
            path = f"{path}-{step_of(None, global_step)}"
        write_file(path, {name: array_of(v) for name, v in self._variables.items()})
        record_state(os.path.dirname(path), path, [path])
        return path

    def restore(self, file_prefix):
        """Set the variables to what was saved under their names.

        Raises:
            NotFoundError: no such checkpoint, or a variable that is not in it.
            DataLossError: a file that is truncated, corrupted or no checkpoint.
            InvalidArgumentError: a value of another shape or dtype than its variable.

        After an error all variables are as they were.
        """
        _assign_by_name(CheckpointReader(file_prefix), list(self._variables.items()))


def get_optimizer_variables(optimizer):
    """The variables that hold an optimizer's state, to be saved beside those that it trains."""
    return optimizer.variables()


def _assign_by_name(reader, named):
    """Give variables the values of their names in a file; to all of them or to none."""
    loaded = []
    for name, variable in named:
        values = {"VARIABLE_VALUE": reader.get_tensor(name)}
        try:
            variable._check_values(values)
        except ValueError as error:
            raise InvalidArgumentError(f"checkpoint file {reader.path!r}, {name!r}: {error}") from error
        loaded.append((variable, values))
    for variable, values in loaded:
        variable._restore_values(values)


def restore_by_name(root, reader):
    """Restore the variables below a root from a file of a Saver, by their names; returns the status."""
    graph = graph_of(root)
    variables = [(described(path, v), v) for path, v in zip(graph.paths, graph.objects, strict=True)
                 if isinstance(v, Variable)]
    found = [(v._name, v) for _, v in variables if reader.has_tensor(v._name)]
    _assign_by_name(reader, found)
    missing = [text for text, v in variables if not reader.has_tensor(v._name) and v._name != "save_counter"]
    unused = sorted(set(reader.get_variable_to_shape_map()) - {name for name, _ in found})
    return NameBasedSaverStatus(reader.path, len(found), missing, unused)
