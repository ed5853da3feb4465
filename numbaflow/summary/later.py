"""Summaries inside compiled functions: recorded at each call, with the values of then.

Which writer they go to, and the condition for it, are those of when the function is traced.
"""
from numbaflow.core import scopes
from numbaflow.core.tape import silent
from numbaflow.core.tensor import Tensor
from numbaflow.graph.flow.host import py_function
from numbaflow.train.global_step import get_or_create_global_step

from .recording import always_record_summaries, here

__all__ = ["later"]


def later(record, tensor, step):
    """Let `record(tensor, step)` run at each call; a tensor that is none stays as it is."""
    writer, scope, condition = here.writer, scopes.current(), here.condition
    wanted = condition() if callable(condition) else condition
    if not isinstance(wanted, Tensor) and not wanted:
        return
    is_tensor = isinstance(tensor, Tensor) or hasattr(tensor, "_read")

    def call(wanted, step, *values):
        if wanted:
            with writer.as_default(), always_record_summaries(), scopes.name_scope(scope):
                record(*(values or [tensor]), int(step))
    with silent():
        step = get_or_create_global_step() if step is None else step
        py_function(call, [wanted, step, *([tensor] if is_tensor else [])], [])
