"""Writers of event files, the logs that TensorBoard shows.

A writer queues events and writes them out when more than `max_queue` wait or `flush_millis` have passed.
Writers of one name share one file.  The records and protocol buffers are the tensorboard package's.
"""
import contextlib
import itertools
import os
import socket
import threading
import time
import weakref

from numbaflow.core.errors import NotFoundError

from .recording import here

__all__ = ["SummaryWriter", "create_file_writer", "create_summary_file_writer", "flush"]

_VERSION = "brain.Event:2"


def protos():
    """The modules (event_pb2, summary_pb2) of tensorboard; ImportError where it is missing."""
    try:
        from tensorboard.compat.proto import event_pb2, summary_pb2
    except ImportError as error:
        raise ImportError("summaries are written through the tensorboard package: "
                          "pip install 'numbaflow[tensorboard]'") from error
    return event_pb2, summary_pb2


class _EventFile:
    """An open event file, and the events that wait to be written to it."""

    def __init__(self, logdir, max_queue, flush_seconds, suffix):
        event_pb2, _ = protos()
        from tensorboard.summary.writer.record_writer import RecordWriter
        self._records, self._queue = RecordWriter(_create(logdir, suffix)), []
        self._max_queue, self._flush_seconds, self._lock = max_queue, flush_seconds, threading.RLock()
        self._queue.append(event_pb2.Event(wall_time=time.time(), file_version=_VERSION).SerializeToString())
        self._finish = weakref.finalize(self, _close, self._queue, self._records)
        self.flush()

    def add(self, event):
        """Queue an event, given as bytes."""
        with self._lock:
            if self.closed:
                raise NotFoundError("the summary writer was closed; init() opens a new file")
            self._queue.append(event)
            if len(self._queue) > self._max_queue or time.monotonic() - self._flushed > self._flush_seconds:
                self.flush()

    def flush(self):
        """Write the events that wait."""
        with self._lock:
            if not self.closed:
                _write(self._queue, self._records)
            self._flushed = time.monotonic()

    closed = property(lambda self: self._records.closed)

    def close(self):
        """Write the events that wait, and close the file."""
        with self._lock:
            self._finish()


def _create(logdir, suffix):
    """A new file in logdir; where two are made in a second, the later one is named for the second after."""
    os.makedirs(logdir, exist_ok=True)
    host = socket.gethostname()
    for second in itertools.count(int(time.time())):
        with contextlib.suppress(FileExistsError):
            return open(os.path.join(logdir, f"events.out.tfevents.{second:010d}.{host}{suffix}"), "xb")


def _write(queue, records):
    for event in queue:
        records.write(event)
    queue.clear()
    records.flush()


def _close(queue, records):
    _write(queue, records)
    records.close()


_files: weakref.WeakValueDictionary = weakref.WeakValueDictionary()     # a writer's name -> its file
_naming = threading.Lock()


class SummaryWriter:
    """Writes summaries to an event file; made by `create_file_writer`."""

    def __init__(self, name, options):
        self._name, self._options, self._file = name, options, None
        self.init()

    def init(self):
        """Open the file, if it is not open; after `close` that is a new one."""
        if self._options is None:
            return
        with _naming:
            file = _files.get(self._name)
            if file is None or file.closed:
                file = _files[self._name] = _EventFile(*self._options)
            self._file = file

    def set_as_default(self):
        """Send the summaries of this thread here; a writer without a directory changes nothing."""
        if self._file is not None:
            here.writer = self

    @contextlib.contextmanager
    def as_default(self):
        """A context whose summaries go here, and which flushes at its end."""
        kept = here.writer
        self.set_as_default()
        try:
            yield self
            self.flush()
        finally:
            here.writer = kept

    def flush(self):
        """Write the events that wait."""
        if self._file is not None:
            self._file.flush()

    def close(self):
        """Write the events that wait and close the file; recording to it is a NotFoundError from then on."""
        if self._file is not None:
            self._file.close()

    def _add(self, **fields):
        """Queue an event with that step and content."""
        event_pb2, _ = protos()
        self._file.add(event_pb2.Event(wall_time=time.time(), **fields).SerializeToString())

    def _add_bytes(self, event):
        self._file.add(event)


def create_file_writer(logdir, max_queue=None, flush_millis=None, filename_suffix=None, name=None):
    """A writer of summaries to a new event file in a directory.

    Args:
        logdir: the directory, made if need be; None for a writer that writes nothing.
        max_queue: how many events may wait; one more and all are written.  10 by default.
        flush_millis: events are written also when the last write is longer ago than that, in milliseconds;
            120,000 by default.
        filename_suffix: the end of the file's name; ".v2" by default.
        name: writers of one name share one file; "logdir:" and the directory by default.

    Raises:
        ImportError: the tensorboard package is not installed.
        TypeError: a directory that is no path.

    >>> import os, tempfile
    >>> import numbaflow as nf
    >>> logdir = tempfile.mkdtemp()
    >>> writer = nf.contrib.summary.create_file_writer(logdir)
    >>> with writer.as_default(), nf.contrib.summary.always_record_summaries():
    ...     nf.contrib.summary.scalar("loss", 0.5, step=1)
    >>> [name[:20] for name in os.listdir(logdir)]
    ['events.out.tfevents.']
    """
    if logdir is None:
        return SummaryWriter(name, None)
    if not isinstance(logdir, str | os.PathLike):
        raise TypeError(f"create_file_writer: logdir must be a path, got {type(logdir).__name__}: {logdir!r}")
    logdir = os.fspath(logdir)
    max_queue = 10 if max_queue is None else int(max_queue)
    seconds = (120_000 if flush_millis is None else int(flush_millis)) / 1000.0
    suffix = ".v2" if filename_suffix is None else filename_suffix
    return SummaryWriter(f"logdir:{logdir}" if name is None else name, (logdir, max_queue, seconds, suffix))


create_summary_file_writer = create_file_writer


def flush(writer=None, name=None):
    """Write the events that wait in a writer, by default this thread's default writer."""
    writer = here.writer if writer is None else writer
    if writer is not None:
        writer.flush()
