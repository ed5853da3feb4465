"""Generated kernels of fused groups: made once for a text and what its names stand for.

The text says all about a kernel but what its names stand for, so the toolchain keeps compiled code by both.
"""
import linecache

from . import backend
from .jit import Kernel

_kernels: dict = {}


def compiled(name, source, scope):
    """The Kernel of a text, whose names `scope` gives."""
    key = source, tuple(sorted((k, id(v)) for k, v in scope.items()))
    found = _kernels.get(key)
    if found is None:
        names = {"__name__": __name__, **scope}
        if backend.SIMULATED:
            from .simulation import plain
            names = {k: plain(v) if hasattr(v, "variants") else v for k, v in names.items()}
        filename = f"<CUDA kernel {name} {len(_kernels)}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        exec(compile(source, filename, "exec"), names)
        found = _kernels[key] = Kernel(names[name]), scope
    return found[0]
