"""What programs for graphs call around summaries, and the directory of an evaluation."""
import os

from .recording import here

__all__ = ["FileWriter", "all_summary_ops", "eval_dir", "initialize", "merge", "merge_all",
           "summary_writer_initializer_op"]


def initialize(graph=None, session=None):
    """Check that there is a default writer; it is open already.

    Raises:
        RuntimeError: there is none.
    """
    if here.writer is None:
        raise RuntimeError("No default tf.contrib.summary.SummaryWriter found; call set_as_default() of one")


def all_summary_ops():
    """None: summaries are written as they are called."""


def summary_writer_initializer_op():
    """RuntimeError: writers are open when they are made."""
    raise RuntimeError("tf.contrib.summary.summary_writer_initializer_op is only supported in graph mode.")


def eval_dir(model_dir, name=None):
    """The directory for the logs of an evaluation, beside a model's.

    >>> import numbaflow as nf
    >>> nf.contrib.summary.eval_dir("model", "test")
    'model/eval_test'
    """
    return os.path.join(model_dir, "eval" if not name else f"eval_{name}")


def merge(inputs, collections=None, name=None):
    """RuntimeError: not for eager programs."""
    raise RuntimeError("Merging tf.summary.* ops is not compatible with eager execution. "
                       "Use tf.contrib.summary instead.")


def merge_all(key=None, scope=None, name=None):
    """RuntimeError: not for eager programs."""
    merge([])


class FileWriter:
    """RuntimeError: not for eager programs."""

    def __init__(self, *args, **kwargs):
        raise RuntimeError("tf.summary.FileWriter is not compatible with eager execution. "
                           "Use tf.contrib.summary instead.")
