"""C functions that Numba compiles, kept on disk as machine code alone.

The one idea: Numba's own cache holds LLVM code beside the machine code and reads both, 10 to 20 ms for a
large kernel.  What only runs needs the machine code, its name in it, and the names it takes from the process.
"""
import hashlib
import sys
import time
from typing import NamedTuple

import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core import config
from numba.core.ccallback import CFunc
from numba.core.runtime.nrt import _nrt

from . import builds, jit, machine
from .fingerprint import Unfingerprintable, fingerprint
from .native import keep


class Native(NamedTuple):
    """A C function in memory, as long as the process."""

    address: int


def c_function(owner, make, signature, options, salt):
    """The C function of what `make()` gives, a Python function about `owner`.

    It is kept by the code of `owner` and all that this refers to, and by `salt`, which says what `make` adds.
    """
    began, path = time.perf_counter(), _path(owner, signature, options, salt)
    address = None if path is None else _read(path)
    cached = address is not None
    if address is None:
        made = keep(CFunc(make(), (signature.args, signature.return_type), locals={},
                          options={**options, "nopython": True}))
        made.compile()
        address = made.address
        if path is not None and not made._library.has_dynamic_globals:
            machine._write(path, _packed(made))
    builds.note(address, owner, began, cached)
    return Native(address)


def _path(owner, signature, options, salt):
    try:
        key = fingerprint(owner)
    except Unfingerprintable:
        return None
    what = (key, salt, str(signature), sorted(options["fastmath"]), llvm.get_process_triple(),
            llvm.get_host_cpu_name(), jit._features(), config.OPT, config.BOUNDSCHECK, numba.__version__,
            np.__version__, sys.version_info[:2])
    digest = hashlib.sha256(repr(what).encode()).hexdigest()[:40]
    return jit.cache_directory() / f"{owner.__name__}-{digest}.obj"


# ---- a file: a line with a digest of the rest, one with the function's name and those it needs, the code
def _packed(made):
    module = made._library._final_module
    needed = [f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm.")]
    needed += [g.name for g in module.global_variables if g.is_declaration]
    rest = " ".join([made.native_name, *needed]).encode() + b"\n" + made._library._get_compiled_object()
    return hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def _read(path):
    """The address of the function in a file; None without one, or where it was cut short."""
    try:
        digest, _, rest = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        return None
    names, _, code = rest.partition(b"\n")
    name, *needed = names.decode().split(" ")
    if not _are_there(needed):
        _name_allocators()
        if not _are_there(needed):
            return None
    # an engine of its own, as Numba's names may be those of another function in another file
    engine = keep(llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine._machine()))
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine.get_function_address(name)


def _name_allocators():
    """Tell LLVM where Numba's allocators are, as Numba does when it first compiles; that takes 30 ms more."""
    for name, address in _nrt.c_helpers.items():
        llvm.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


def _are_there(names):
    return all(map(llvm.address_of_symbol, names))
