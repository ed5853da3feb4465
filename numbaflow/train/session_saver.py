"""Saver of sessions: checkpoints of a graph's variables by their names, of which the latest are kept."""
import contextlib
import os

from numbaflow.core.errors import FailedPreconditionError
from numbaflow.core.tape import stack, tracing

from .checkpoint_file import file_of
from .checkpoint_state import record_state
from .global_step import global_step as step_of
from .saver import Saver as NamedSaver


class Saver:
    """Saves the variables of a graph and restores them, in a session.

    Args:
        var_list: variables, or a dict of name -> variable; by default all of the default graph.
        max_to_keep: how many checkpoints stay; None or 0 for all.

    Raises:
        ValueError: nothing to save, or two variables of one name.

    >>> import numbaflow as nf, tempfile
    >>> from numbaflow.graph.mode.session import Session
    >>> from numbaflow.graph.mode.graph_mode import Graph
    >>> with Session(graph=Graph()) as session:
    ...     v = nf.Variable(1.0, name="v")
    ...     saver = Saver()
    ...     session.run(v.initializer)
    ...     path = saver.save(session, tempfile.mkdtemp() + "/model", global_step=7)
    ...     _ = session.run(v.assign(5.0))
    ...     saver.restore(session, path)
    ...     print(session.run(v), path[-7:])
    1.0 model-7
    """

    def __init__(self, var_list=None, reshape=False, sharded=False, max_to_keep=5,
                 keep_checkpoint_every_n_hours=10000.0, name=None, **options):
        if var_list is None:
            trace = stack.frame[2]
            var_list = trace.variables if trace is not None and trace.lasting else []
        if not var_list:
            raise ValueError("No variables to save")
        self._variables = list(var_list.values() if isinstance(var_list, dict) else var_list)
        self._saver, self._max_to_keep, self._kept = NamedSaver(var_list), max_to_keep, []

    last_checkpoints = property(lambda self: list(self._kept), doc="The paths of what is kept, oldest first.")

    def save(self, sess, save_path, global_step=None, latest_filename=None, meta_graph_suffix="meta",
             write_meta_graph=True, write_state=True, **options):
        """Save the variables and return the path; the oldest checkpoint beyond max_to_keep is deleted.

        Args:
            sess: the session, whose graph has the variables.
            save_path: the path.
            global_step: an int or an integer variable, which is added to it after a dash.

        Raises:
            FailedPreconditionError: a variable that is not initialized.
        """
        for v in self._variables:
            if v.graph is not None and v in v.graph.uninitialized:
                raise FailedPreconditionError(f"Attempting to use uninitialized value {v._name}")
        number = global_step
        if global_step is not None and not isinstance(global_step, int):
            number = step_of(sess, global_step)
        with tracing(None):
            path = self._saver.save(save_path, number)
        self._kept = [p for p in self._kept if p != path] + [path]
        while self._max_to_keep and len(self._kept) > self._max_to_keep:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file_of(self._kept.pop(0)))
        record_state(os.path.dirname(path), path, self._kept)
        return path

    def restore(self, sess, save_path):
        """Give the variables what was saved; they need not be initialized before.

        Raises:
            ValueError: a path that is None.
            NotFoundError: no such checkpoint, or a variable that is not in it.
        """
        if save_path is None:
            raise ValueError("Can't load save_path when it is None.")
        with tracing(None):
            self._saver.restore(save_path)
        for v in self._variables:
            if v.graph is not None:
                v.graph.uninitialized.discard(v)
