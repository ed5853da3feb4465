"""What this process compiled or loaded: for each C function how long that took, and its text.

The one idea: a program knows its kernels by address, so that is how what is known of them is kept.
"""
import inspect
import textwrap
import time
from typing import Any, NamedTuple

_built: dict = {}


class Build(NamedTuple):
    """One C function: seconds until it could run, and whether it came from the disk cache."""

    function: Any
    seconds: float
    cached: bool
    text: str | None = None

    @property
    def name(self):
        """What the function is called."""
        return self.function.__name__

    @property
    def source(self):
        """The Python text of the kernel: generated, or as written."""
        if self.text is not None:
            return self.text
        try:
            return textwrap.dedent(inspect.getsource(self.function))
        except (OSError, TypeError):            # text that was run from a string
            return f"# {self.function.__doc__ or 'no source is kept'}"


def note(address, function, began, cached, text=None):
    """Keep what is known of a function that could run from now on; `began` is a perf_counter()."""
    _built[address] = Build(function, time.perf_counter() - began, cached, text)


def of(address):
    """The Build of the function at an address, or None."""
    return _built.get(address)
