"""Every op has its benches, and every bench runs."""
import importlib
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core import nest, table

FOLDER = Path(__file__).parent.parent / "asv_bench" / "benchmarks"
sys.path.insert(0, str(FOLDER.parent))
MODULES = {p.stem: importlib.import_module(f"benchmarks.{p.stem}") for p in sorted(FOLDER.glob("[a-z]*.py"))}
sys.path.pop(0)
LARGE, OPS = MODULES["large"], MODULES["ops"]


def library_ops():
    return {name: op for name, op in table.OPS.items() if op.function.__module__.startswith("numbaflow.")}


def benches():
    """(class, method, parameters) for each bench: every op, and else the first of the parameters."""
    for module in MODULES.values():
        for owner in vars(module).values():
            if isinstance(owner, type) and owner.__module__ == module.__name__:
                yield from benches_of(owner)


def benches_of(owner):
    params = getattr(owner, "params", ())
    axes = params if params and isinstance(params[0], list | tuple) else [params] if params else []
    chosen = [axis if axis in (OPS.OPS, OPS.DIFFERENTIABLE_OPS) else axis[:1] for axis in axes]
    for method in sorted(m for m in vars(owner) if m.startswith(("time_", "timeraw_", "track_", "peakmem_"))):
        for values in itertools.product(*chosen):
            name = "-".join([owner.__name__, method, *map(str, values)])
            yield pytest.param(owner, method, values, id=name)


@pytest.mark.parametrize(("owner", "method", "values"), list(benches()))
def test_every_bench_runs(owner, method, values):
    bench = owner()
    try:
        bench.setup(*values)
    except NotImplementedError as error:            # as asv does
        pytest.skip(str(error))
    result = getattr(bench, method)(*values)
    if method.startswith("timeraw_"):
        timed, before = (result, "") if isinstance(result, str) else result
        subprocess.run([sys.executable, "-W", "error", "-c", f"{before}\n{timed}"], check=True)
    if method == "track_growth":
        assert result < 10_000


def test_every_op_has_a_forward_bench_and_every_differentiable_op_a_gradient_bench():
    assert set(OPS.Forward.params[0]) == set(library_ops())
    ruled = {name for name, op in library_ops().items() if any((op.rules or {}).values())}
    assert set(OPS.Gradient.params[0]) == ruled


def test_every_op_has_large_arguments_or_a_reason_for_none():
    wanted = {name for name, op in library_ops().items() if op.kernel is None}
    said = set(LARGE.LARGE) | set(LARGE.WITHOUT_LARGE)
    assert not wanted - said, f"large.py does not say what is large for {sorted(wanted - said)}"
    assert not said - wanted, f"large.py names what is no such op: {sorted(said - wanted)}"
    assert not set(LARGE.LARGE) & set(LARGE.WITHOUT_LARGE)
    assert all(LARGE.WITHOUT_LARGE.values())


@pytest.mark.parametrize("name", [n for n in OPS.OPS if n not in LARGE.WITHOUT_LARGE])
def test_large_arguments_fit_the_op_and_are_large(name):
    args, kwargs = OPS.arguments(name, "large")
    tensors = nest.flatten([*args, *kwargs.values(), table.face(name)(*args, **kwargs)])
    assert sum(np.size(t) for t in tensors if isinstance(t, nf.Tensor)) >= 10_000
