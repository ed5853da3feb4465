"""Python's collector of cycles, held still while a program is made.

Making one allocates many objects, nearly all of which stay, and so brings on searches of all that a process
holds: with Numba imported one takes 60 ms, as long as tracing and compiling hundreds of ops.
"""
import gc
import threading

_lock = threading.Lock()
_holders = 0
_was_enabled = False


class Held:
    """A context in which the collector does not run by itself, in any thread; it may be nested."""

    def __enter__(self):
        global _holders, _was_enabled
        with _lock:
            if _holders == 0:
                _was_enabled = gc.isenabled()
                gc.disable()
            _holders += 1

    def __exit__(self, *exc):
        global _holders
        with _lock:
            _holders -= 1
            if _holders == 0 and _was_enabled:
                gc.enable()
