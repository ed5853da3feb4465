"""Threads of pipelines: a pool that calls functions, and prefetch, which makes elements ahead.

The one idea: a thread refers to queues and to the stream before it, never to the stream that reads from it.
When that one is collected its finalizer tells the threads to end; no process waits for them.
"""
import _thread
import contextlib
import threading
import weakref
from queue import Empty, SimpleQueue

from .selecting import whole_number
from .stage import EMPTY, Passing, Stream
from .state import loaded, saved

COPIED = 1 << 20                        # bytes; copying fewer takes less than the 50 us of changing threads
_END = object()                         # to a thread: there is nothing more to do; from one: the stream ended


def start(target, *args):
    """A daemon thread that runs target(*args)."""
    threading.Thread(target=target, args=args, name="numbaflow data", daemon=True).start()


# ---- a pool
class Task:
    """A call that a worker makes."""

    __slots__ = ("_argument", "_done", "_error", "_function", "_value")

    def __init__(self, function, argument):
        self._function, self._argument, self._value, self._error = function, argument, None, None
        self._done = _thread.allocate_lock()
        self._done.acquire()

    def run(self):
        try:
            self._value = self._function(self._argument)
        except BaseException as error:
            self._error = error
        self._done.release()

    def wait(self):
        self._done.acquire()
        self._done.release()

    def result(self):
        """What the call returned or raised, once it has."""
        self.wait()
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return self._value


class Workers:
    """`count` threads that run tasks for as long as their owner lives."""

    __slots__ = ("_tasks",)

    def __init__(self, count, owner):
        self._tasks = SimpleQueue()
        weakref.finalize(owner, _end_workers, self._tasks, count)
        for _ in range(count):
            start(_work, self._tasks)

    def submit(self, function, argument):
        """The task of function(argument)."""
        task = Task(function, argument)
        self._tasks.put(task)
        return task


def _work(tasks):
    while (task := tasks.get()) is not _END:
        task.run()
        task = None


def _end_workers(tasks, count):
    with contextlib.suppress(Empty):
        while True:                         # nobody is left to take what these would give
            tasks.get_nowait()
    for _ in range(count):
        tasks.put(_END)


# ---- prefetch
class Prefetch(Passing):
    """Up to buffer_size elements made in a thread before they are asked for.

    Indices, and batches that are quicker copied than handed over, stay in the thread that asks.
    """

    name = "prefetch"

    def __init__(self, source, buffer_size):
        super().__init__(source)
        size = whole_number(buffer_size, "prefetch: buffer_size", -1, " (which is AUTOTUNE)")
        self._size = 2 if size < 0 else size

    def over(self, stream):
        small = (getattr(self.inputs[0], "batch_bytes", None) or COPIED) < COPIED
        if self._size == 0 or small or self.table is not None:
            return stream
        return PrefetchStream(self.inputs[0], stream, self._size)

    def cardinality(self):
        return self.inputs[0].cardinality()


class Pump:
    """What a prefetch thread and its stream share."""

    __slots__ = ("closed", "ended", "items", "places", "pulling", "source")

    def __init__(self, source, size):
        self.source, self.closed = source, False
        self.items, self.places = SimpleQueue(), SimpleQueue()      # (element, error); leave to make one more
        self.pulling = threading.Lock()     # held from before an element is taken until it is in `items`
        self.ended = threading.Event()
        for _ in range(size):
            self.places.put(None)

    def run(self):
        """The thread: an element for each place, until the stream ends or is closed."""
        try:
            while self.places.get() is not _END and not self.closed:
                with self.pulling:
                    item = _pulled(self.source)
                    self.items.put(item)
                if item is _END:
                    return
        finally:
            self.ended.set()

    def close(self):
        self.closed = True
        self.places.put(_END)


def _pulled(source):
    try:
        run = source.read(1)
    except BaseException as error:
        return None, error
    return (run[0], None) if len(run) else _END


class PrefetchStream(Stream):
    """Reads what a thread made; an error that waits in the buffer is not part of a saved position."""

    __slots__ = ("_done", "_early", "_pump", "_size", "_source", "_stage")

    def __init__(self, stage, source, size):
        self._stage, self._source, self._size = stage, source, size
        self._pump, self._early, self._done = None, [], False

    def read(self, n):
        if self._done:
            return EMPTY
        if self._early:
            return [self._early.pop(0)]
        pump = self._pump
        if pump is None:
            pump = self._start()
        item = pump.items.get()
        if item is _END:
            self._done = True
            return EMPTY
        pump.places.put(None)
        value, error = item
        if error is not None:
            raise error
        return [value]

    def _start(self):
        pump = self._pump = Pump(self._source, self._size)
        weakref.finalize(self, pump.close)
        start(pump.run)
        return pump

    def _stop(self):
        """End the thread, which may be making an element, and forget what it made."""
        if self._pump is not None:
            self._pump.close()
            self._pump.ended.wait()
        self._pump, self._early, self._done = None, [], False

    def restart(self, turn):
        self._stop()
        self._source.restart(turn)

    def save(self):
        if self._pump is None:
            return self._state([], self._done)
        with self._pump.pulling:
            items = []
            while not self._pump.items.empty():
                items.append(self._pump.items.get())
            for item in items:
                self._pump.items.put(item)
            return self._state([item for item in items if item is not _END], self._done)

    def _state(self, items, done):
        waiting = [*self._early, *(value for value, error in items if error is None)]
        return {"waiting": saved(waiting, self._stage), "done": done, "source": self._source.save()}

    def restore(self, state):
        self._stop()
        self._source.restore(state["source"])
        self._early, self._done = loaded(state["waiting"], self._stage), state["done"]

