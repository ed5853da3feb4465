"""LLVM modules made machine code, optimized once as a whole and kept on disk beside Numba's kernels."""
import ast
import functools
import hashlib
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from . import (
    arithmetic,
    arrays,
    builds,
    calls,
    cells,
    expressions,
    frames,
    jit,
    native,
    pointers,
    syntax,
    translate,
)
from .fingerprint import Unfingerprintable, fingerprint

_lock = threading.Lock()
_loaded: dict = {}              # symbol -> what it is in memory, where it may stand only once


def _machine():
    """The processor's target machine, as Numba sets it up."""
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=jit._features(), opt=3, codemodel="jitdefault", jit=True,
        reloc="static" if target.name.startswith("x86") else "default")


_target = functools.cache(_machine)


@functools.cache
def _engine():
    for name in cells.OUTSIDE:                  # where a system does not look for them itself
        llvm.add_symbol(name, native.python_symbol(name))
    return native.keep(llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine()))


@functools.cache
def _makers():
    """A digest of what translates: an edit of it makes new entries."""
    digest = hashlib.sha256()
    for module in (translate, frames, expressions, calls, arithmetic, arrays, cells, syntax, pointers, jit,
                   native, sys.modules[__name__]):
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()


class Compiled:
    """A kernel's machine code in memory."""

    def __init__(self, address, function, signature, source):
        self.address, self.function, self.signature, self.source = address, function, signature, source

    def assembly(self):
        """The machine code as text: what tests of vectorization read."""
        text = module_of(self.function, self.signature, self.source, self.function.__name__)
        return _target().emit_assembly(optimized(text, not _tiled(self.signature)))


def function_of(function, signature, source=None, options=jit.OPTIONS):
    """The C function of a Python one over integers and pointers; Numba's where it can't be translated."""
    try:
        return compiled(function, source, signature)
    except syntax.Untranslatable:
        return jit.loop(function, signature, options, source)


def assembly_of(made):
    """The machine code, as text, of what function_of made."""
    return made.assembly() if isinstance(made, Compiled) else made._library.get_asm_str()


def compiled(function, source=None, signature=native.KERNEL):
    """The C function of a Python one, whose text is `source` or in its file; raises Untranslatable."""
    began, cached = time.perf_counter(), True
    try:
        key = (fingerprint(function), str(signature), _makers(), llvm.get_host_cpu_name(), jit._features(),
               llvmlite.__version__)
    except Unfingerprintable:
        raise syntax.Untranslatable("what has no stable description") from None
    digest = hashlib.sha256(repr(key).encode()).hexdigest()[:40]
    symbol = f"{function.__name__}_{digest[:16]}"
    path = jit.cache_directory() / f"{function.__name__}-{digest}.o"
    with _lock:
        if symbol in _loaded:
            return _loaded[symbol]
        try:
            code = path.read_bytes()
        except OSError:
            cached = False
            code = object_code(module_of(function, signature, source, symbol), not _tiled(signature))
            _write(path, code)
        engine = _engine()
        engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
        engine.finalize_object()
        made = _loaded[symbol] = Compiled(
            engine.get_function_address(symbol), function, signature, source)
    builds.note(made.address, function, began, cached, source)
    return made


def module_of(function, signature, source, symbol):
    """The LLVM module of a function, as text, before it is optimized."""
    tree = syntax.tree_of(function) if source is None else ast.parse(source).body[0]
    make = cells.OnCells if isinstance(signature, cells.Cells) else translate.Translation
    return str(make(symbol, tree, syntax.scope_of(function), signature).module)


def _tiled(signature):
    return isinstance(signature, cells.Cells) and signature.tiled


def optimized(text, loops=True):
    """The module of LLVM text, optimized; `loops`: whether to unroll and vectorize, half of the time."""
    machine = _target()
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise syntax.Untranslatable(f"what LLVM refuses: {error}") from None
    module.triple, module.data_layout = llvm.get_process_triple(), str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=3 if loops else 2)
    options.loop_vectorization = options.loop_interleaving = options.slp_vectorization = loops
    options.loop_unrolling = loops
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module


def object_code(text, loops=True):
    """Machine code for the module of LLVM text."""
    return _target().emit_object(optimized(text, loops))


def _write(path, code):
    """Put machine code on disk: written aside and renamed, so that two processes may write at once."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        with os.fdopen(handle, "wb") as file:
            file.write(code)
        os.replace(aside, path)
    except OSError:                             # a cache that can't be written is only slower
        pass
