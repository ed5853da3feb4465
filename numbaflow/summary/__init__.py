"""Summaries for TensorBoard (`tf.contrib.summary`), and the classic names' errors in eager programs."""
from .kinds import audio, generic, graph, histogram, image, import_event, scalar, text
from .programs import (
    FileWriter,
    all_summary_ops,
    eval_dir,
    initialize,
    merge,
    merge_all,
    summary_writer_initializer_op,
)
from .recording import (
    always_record_summaries,
    never_record_summaries,
    record_summaries_every_n_global_steps,
    should_record_summaries,
)
from .writer import SummaryWriter, create_file_writer, create_summary_file_writer, flush

__all__ = [
    "FileWriter",
    "SummaryWriter",
    "all_summary_ops",
    "always_record_summaries",
    "audio",
    "create_file_writer",
    "create_summary_file_writer",
    "eval_dir",
    "flush",
    "generic",
    "graph",
    "histogram",
    "image",
    "import_event",
    "initialize",
    "merge",
    "merge_all",
    "never_record_summaries",
    "record_summaries_every_n_global_steps",
    "scalar",
    "should_record_summaries",
    "summary_writer_initializer_op",
    "text",
]
