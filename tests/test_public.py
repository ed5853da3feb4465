"""The public list: what it promises is there, documented, and quick to import."""
import inspect
import subprocess
import sys

import pytest

import numbaflow as nf

NAMESPACES = ["contrib.checkpoint", "contrib.eager", "contrib.summary", "data", "data.experimental",
              "errors", "image", "initializers", "keras", "keras.activations", "keras.callbacks",
              "keras.constraints", "keras.datasets", "keras.initializers", "keras.layers", "keras.losses",
              "keras.metrics", "keras.models", "keras.optimizers", "keras.optimizers.schedules",
              "keras.regularizers", "keras.utils", "linalg", "losses", "math", "nn", "onnx", "random",
              "saved_model", "summary",
              "test", "testing", "train"]


def namespace(name):
    found = nf
    for part in name.split("."):
        found = getattr(found, part)
    return found


def test_the_public_list_is_what_the_package_holds():
    assert sorted(nf.__all__) == sorted(set(nf.__all__))
    for name in nf.__all__:
        assert hasattr(nf, name), name
    public = {n for n, v in vars(nf).items() if not n.startswith("_") and not inspect.ismodule(v)}
    assert public <= set(nf.__all__)


@pytest.mark.parametrize("name", NAMESPACES)
def test_namespaces_hold_what_they_list(name):
    module = namespace(name)
    for entry in module.__all__:
        assert hasattr(module, entry), f"nf.{name}.{entry}"


def documented():
    seen = {}
    for space in [nf, *map(namespace, NAMESPACES)]:
        for name in space.__all__:
            value = getattr(space, name)
            if inspect.isfunction(value) or inspect.isclass(value):
                seen[id(value)] = value
    return sorted(seen.values(), key=lambda v: v.__qualname__)


@pytest.mark.parametrize("value", documented(), ids=lambda v: v.__qualname__)
def test_everything_public_is_documented(value):
    first = (inspect.getdoc(value) or "").split("\n")[0]
    assert first.endswith((".", ":", ")")), f"{value.__qualname__}: {first!r}"


def test_importing_compiles_nothing_and_needs_no_extra():
    code = ("import sys; import numbaflow; from numba.core import event\n"
            "for name in ('torch', 'tensorflow', 'jax', 'sklearn', 'matplotlib', 'tqdm', 'scipy.linalg',\n"
            "             'PIL', 'safetensors', 'tensorboard', 'onnx'):\n"
            "    assert name not in sys.modules, name\n"
            "from numbaflow.core import table\n"
            "for op in table.OPS.values():\n"
            "    assert op.kernel is None or not op.kernel, op.name\n")
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
