"""A CUDA kernel's Python function, the types of its arguments and an architecture, to PTX and a cubin.

The one idea: what is made follows from what is given.  No driver is asked, the architecture is an argument,
and the code of a device function does not depend on which kernel needed it first.  So a machine without a GPU
makes the same code as one with it.

Kept on disk beside the CPU's kernels.  The one module that knows Numba's CUDA compiler, and imports it when
something is first compiled.
"""
import contextlib
import functools
import hashlib
import importlib.util
import os
import pickle
import re
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numba
import numpy as np
from numba import types

from ..fingerprint import Unfingerprintable, fingerprint
from ..jit import cache_directory, write_whole
from .backend import SIMULATED

# Numba's front end asks for the compute capability in two places, whether atomics add float64 (6.0) and
# whether tanh has an instruction (7.5), and keeps a device function as first compiled, for whichever that
# was.  So it is always told the oldest; only NVVM and the linker get to know the real one.
OLDEST = 7, 5
_INSTALL = "`pip install numbaflow[cuda]`"


class ToolchainError(RuntimeError):
    """CUDA kernels can't be compiled here, or this one can't be."""


class Resources(NamedTuple):
    """What a kernel takes."""

    registers: int      # of a thread
    local: int          # bytes of a thread: arrays, what is spilled, frames of calls
    spilled: int        # bytes stored for want of registers, in the code's text; 0 is what to aim for
    shared: int         # bytes of a block besides those asked for at launch
    constant: int       # bytes of the arrays that its code refers to


class Code(NamedTuple):
    """A compiled kernel."""

    name: str           # of the entry, in ptx and cubin
    ptx: str
    cubin: bytes
    resources: Resources
    parameters: tuple   # bytes of each; an array is (meminfo, parent, size, itemsize, data, *shape, *strides)


def compiled(function, signature, cc, fastmath=False):
    """The Code of a kernel for Numba types of its arguments and a compute capability, (9, 0) say.

    `fastmath` lets float32 divisions and square roots err by an ulp or two, in all that the kernel calls.
    Nothing is kept in memory.
    """
    return compiled_for(function, signature, (cc,), fastmath)[0]


def compiled_for(function, signature, ccs, fastmath=False):
    """A tuple of Codes, one a compute capability; Numba's part of the work is done once for all."""
    tools = _tools()
    ccs = [tuple(cc) for cc in ccs]
    if min(ccs) < OLDEST:
        raise ToolchainError(f"kernel {function.__name__} for compute capability {min(ccs)}: "
                             f"{OLDEST} is the oldest")
    paths = [_path(tools, function, signature, cc, fastmath) for cc in ccs]
    found = [_load(path) for path in paths]
    if None in found:
        name, modules = _front_end(tools, function, tuple(signature))
        for k, cc in enumerate(ccs):
            if found[k] is None:
                found[k] = _finished(tools, function, name, modules, cc, fastmath)
                _keep(paths[k], found[k])
    return tuple(found)


# ---- tools
@functools.cache
def _tools():
    """The compiler's modules, and a description of their versions."""
    if SIMULATED:
        raise ToolchainError("Numba's CUDA simulator is on and compiles nothing: unset NUMBA_ENABLE_CUDASIM")
    if importlib.util.find_spec("numba_cuda") is None:
        raise ToolchainError(f"CUDA kernels need numba-cuda: {_INSTALL}")
    import numba_cuda
    from cuda import core, pathfinder
    from numba.cuda import compiler, dispatcher
    from numba.cuda.core.compiler_lock import global_compiler_lock
    from numba.cuda.cudadrv import nvvm
    from numba.cuda.target import CUDATargetContext

    from . import bodies, tables
    sizes = [_size(library, pathfinder) for library in ("nvvm", "nvJitLink")]
    # What bodies registers is not seen from a kernel's code, so its text is a part of every key.
    files = __file__, bodies.__file__, tables.__file__
    texts = [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files]
    versions = (numba.__version__, numba_cuda.__version__, np.__version__, sys.version_info[:2],
                nvvm.NVVM().get_ir_version(), *sizes, *texts)
    return SimpleNamespace(compiler=compiler, dispatcher=dispatcher, lock=global_compiler_lock, nvvm=nvvm,
                           context=CUDATargetContext, constant_array=tables.constant_array, core=core,
                           versions=versions)


def _size(library, pathfinder):
    """Bytes of NVIDIA's library, which tell its releases apart."""
    try:
        return os.stat(pathfinder.load_nvidia_dynamic_lib(library).abs_path).st_size
    except (RuntimeError, OSError) as error:
        raise ToolchainError(f"CUDA kernels need NVIDIA's {library}, not found: {_INSTALL}") from error


# ---- the disk cache
def _path(tools, function, signature, cc, fastmath):
    try:
        what = fingerprint(function), str(tuple(signature)), cc, bool(fastmath), tools.versions
    except Unfingerprintable:
        return None
    key = hashlib.sha256(repr(what).encode()).hexdigest()[:40]
    return cache_directory() / f"{function.__name__}-{key}.cuda"


def _load(path):
    try:
        name, ptx, cubin, resources, parameters = pickle.loads(zlib.decompress(path.read_bytes()))
        return Code(name, ptx, cubin, Resources(*resources), parameters)
    except Exception:                           # missing, cut short, or not written here: compile anew
        return None


def _keep(path, code):
    if path is not None:
        payload = pickle.dumps((*code[:3], tuple(code.resources), code.parameters))
        write_whole(path, zlib.compress(payload, 1))


# ---- from Python to LLVM
@contextlib.contextmanager
def _ours(tools):
    """Let Numba compile as is said here: it would ask a driver for the compute capability of its device."""
    dispatcher, context = tools.dispatcher, tools.context
    with tools.lock:                            # others that compile wait, and find what they expect
        before = dispatcher.get_current_device, context.make_constant_array
        dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=OLDEST)
        context.make_constant_array = tools.constant_array
        try:
            yield
        finally:
            dispatcher.get_current_device, context.make_constant_array = before


def _front_end(tools, function, signature):
    """(name of the entry, LLVM modules' texts)"""
    compiler = tools.compiler
    with _ours(tools):
        made = compiler.compile_cuda(function, None, signature, cc=OLDEST, nvvm_options={"opt": 3})
        given = made.signature.return_type
        if given not in (types.none, types.void):
            raise TypeError(f"kernel {function.__name__} must return nothing, returns {given}")
        entry = made.library.get_function(made.fndesc.llvm_func_name)
        compiler.kernel_fixup(entry, False)
        # (what two device functions need is there twice)
        return entry.name, tuple(dict.fromkeys(made.library.llvm_strs))


# ---- from LLVM to the GPU's code
def _finished(tools, function, name, modules, cc, fastmath):
    ptx = _ptx(tools, function, modules, cc, fastmath)
    cubin, log = _linked(tools, function, ptx, cc)
    return Code(name, ptx, cubin, _resources(name, ptx, log), _parameters(name, ptx))


def _ptx(tools, function, modules, cc, fastmath):
    nvvm = tools.nvvm
    options = {"opt": 3, "arch": f"compute_{cc[0]}{cc[1]}"}
    if fastmath:
        options |= {"prec_div": False, "prec_sqrt": False}
    unit = nvvm.CompilationUnit(options)
    try:
        for text in modules:
            unit.add_module(nvvm.llvm_replace(text).encode())
        unit.verify()
        unit.lazy_add_module(nvvm.LibDevice().get())
        made = unit.compile()
    except Exception as error:                  # its own message is only a number
        raise ToolchainError(f"kernel {function.__name__}: NVVM for {options['arch']}: {error}\n"
                             f"{unit.get_log().strip()}") from error
    return made.decode().strip("\0\n ") + "\n"


def _linked(tools, function, ptx, cc):
    """(cubin, what the linker says of it)"""
    options = tools.core.LinkerOptions(arch=f"sm_{cc[0]}{cc[1]}", ptxas_options=["-v"], verbose=True)
    try:
        linker = tools.core.Linker(tools.core.ObjectCode.from_ptx(ptx.encode()), options=options)
        return bytes(linker.link("cubin").code), linker.get_info_log()
    except Exception as error:
        raise ToolchainError(f"kernel {function.__name__}: linking for {options.arch}: {error}") from error


def _resources(name, ptx, log):
    """What a kernel takes; the linker also counts 1 KB of the system's as shared, for some architectures."""
    told = re.search(re.escape(name) + r"'?:\s*\n.*\bused (\d+) registers.*?(\d+) stack", log)
    if told is None:
        raise ToolchainError(f"kernel {name}: the linker's log says nothing of its registers:\n{log}")
    spilled = sum(int(n) for n in re.findall(r"(\d+) bytes spill stores", log))
    return Resources(int(told[1]), int(told[2]), spilled, _declared(ptx, "shared"),
                     _declared(ptx, "const") + _declared(ptx, "global"))


def _declared(ptx, space):
    """Bytes of the arrays that a module declares in a state space, each at a multiple of its alignment."""
    arrays = rf"^(?:\.(?:visible|weak) )?\.{space} \.align (\d+) \.[a-z](\d+) \S+\[(\d+)\]"
    end = 0
    for align, bits, count in re.findall(arrays, ptx, re.MULTILINE):
        end = -(-end // int(align)) * int(align) + int(bits) // 8 * int(count)
    return end


def _parameters(name, ptx):
    listed = ptx[ptx.index(f".entry {name}("):].partition(")")[0]
    found = re.findall(r"\.param (?:\.align \d+ )?\.[a-z](\d+) [^\s,\[]+(?:\[(\d+)\])?", listed)
    return tuple([int(bits) // 8 * int(count or 1) for bits, count in found])
