"""The global step: one integer variable that counts training steps."""
import numpy as np

from numbaflow.core.tape import stack
from numbaflow.core.tensor import Tensor
from numbaflow.core.variable import Variable

from .optimizer import unscoped

_KEY = "global_step"
_steps: dict = {}               # the global step of the eager program under that key; graphs keep their own


def _graph(graph):
    """The graph given, or that of this context; None for the eager program."""
    trace = stack.frame[2]
    return graph if graph is not None else trace if trace is not None and trace.lasting else None


def get_global_step(graph=None):
    """The global step of a graph, by default of this context, or None before it was made."""
    graph = _graph(graph)
    if graph is None:
        return _steps.get(_KEY)
    return next(iter(graph.get_collection(_KEY)), None)


def create_global_step(graph=None):
    """Make the global step, an int64 variable that starts at 0; ValueError when there is one."""
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    graph, made = _graph(graph), unscoped(np.int64(0), _KEY)
    if graph is None:
        _steps[_KEY] = made
    else:
        graph.adopt([made])
        graph.add_to_collection(_KEY, made)
    return made


def get_or_create_global_step(graph=None):
    """The global step, made at the first call.

    >>> import numbaflow as nf
    >>> step = nf.train.get_or_create_global_step()
    >>> step is nf.train.get_or_create_global_step(), step.dtype.name
    (True, 'int64')
    """
    step = get_global_step(graph)
    return create_global_step(graph) if step is None else step


def global_step(sess, global_step_tensor):
    """The value of a global step as an int; `sess` is the session, or None where execution is eager."""
    return int(global_step_tensor if sess is None else sess.run(global_step_tensor))


def assert_global_step(global_step_tensor):
    """TypeError for what can't be a global step: anything but a scalar integer variable or tensor."""
    if not isinstance(global_step_tensor, (Variable, Tensor)):
        raise TypeError(f'Existing "global_step" must be a Variable or Tensor: {global_step_tensor}.')
    if not global_step_tensor.dtype.is_integer:
        raise TypeError(f'Existing "global_step" does not have integer type: {global_step_tensor.dtype.name}')
    if global_step_tensor.ndim:
        raise TypeError(f'Existing "global_step" is not scalar: {tuple(global_step_tensor.shape)}')
