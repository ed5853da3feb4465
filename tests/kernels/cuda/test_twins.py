"""The CPU's kernels and their CUDA twins have the same names and signatures."""
import importlib
import inspect
import pkgutil

import numbaflow.kernels
import numbaflow.kernels.cuda
import pytest

# what kernels are made of has the CPU's and CUDA's own face
TOOLS = {"arrays", "blocks", "conv_tiles", "elementwise", "fused", "jit", "memory", "recording", "windows"}
TWINS = sorted({m.name for m in pkgutil.iter_modules(numbaflow.kernels.__path__)}
               & {m.name for m in pkgutil.iter_modules(numbaflow.kernels.cuda.__path__)} - TOOLS)


def functions(module):
    """The functions that a module defines, or takes from others of its package, by name."""
    return {name: value for name, value in vars(module).items()
            if inspect.isfunction(value) and not name.startswith("_")
            and value.__module__.startswith("numbaflow.kernels")
            and value.__module__.rpartition(".")[2] not in TOOLS}


@pytest.mark.parametrize("name", TWINS)
def test_signatures_are_the_same(name):
    on_cpu = functions(importlib.import_module(f"numbaflow.kernels.{name}"))
    on_gpu = functions(importlib.import_module(f"numbaflow.kernels.cuda.{name}"))
    common = sorted(on_cpu.keys() & on_gpu.keys())
    assert common, f"kernels/cuda/{name}.py has nothing of kernels/{name}.py"
    for each in common:
        cpu, gpu = (list(inspect.signature(f[each]).parameters) for f in (on_cpu, on_gpu))
        assert gpu[:len(cpu)] == cpu, f"{name}.{each}: {gpu} on a GPU, {cpu} on the CPU"
        assert len(gpu) == len(cpu), f"{name}.{each}: {gpu} on a GPU, {cpu} on the CPU"
