"""Layers import downwards only, and the package list is the folders'."""
import ast
import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# what each layer may import of numbaflow; "" is the top level's own modules
BELOW = {
    "kernels": {"kernels"},
    "core": {"core", "kernels"},
    "ops": {"ops", "core", "kernels"},
    "data": {"data", "ops", "core", "kernels"},
    "graph": {"graph", "ops", "core", "kernels"},
    "train": {"train", "graph", "ops", "core", "kernels"},
    "losses": {"losses", "ops", "core", "kernels"},
    "summary": {"summary", "train", "graph", "ops", "core", "kernels"},
    "metrics": {"metrics", "summary", "train", "graph", "ops", "core", "kernels"},
    "keras": {"keras", "metrics", "summary", "losses", "train", "data", "graph", "ops", "core", "kernels"},
}
BELOW["saved_model"] = {"saved_model"} | BELOW["keras"]
BELOW["onnx"] = {"onnx"} | BELOW["saved_model"]
BELOW["contrib"] = {"contrib"}.union(*BELOW.values())
THIRD_PARTY = {
    "kernels": {"numpy", "numba", "llvmlite", "scipy"},
    "core": {"numpy"},
    "ops": {"numpy", "scipy"},
    "data": {"numpy"},
    "graph": {"numpy"},
    "train": {"numpy"},
    "losses": {"numpy"},
    "summary": {"numpy", "tensorboard", "PIL"},
    "metrics": {"numpy"},
    "keras": {"numpy", "tqdm", "sklearn"},
    "saved_model": {"numpy"},
    "onnx": {"numpy", "onnx"},
    "contrib": set(),
}
# and what the kernels for a GPU may import besides
CUDA = {"cuda", "cupy", "cupyx", "greenlet", "numba_cuda"}


def modules(layer):
    folder = ROOT / "kernels" if layer == "kernels" else ROOT / "numbaflow" / layer
    return sorted(folder.rglob("*.py"))


def imported(path):
    """The full names of what a file imports."""
    parts = path.relative_to(ROOT).parts[:-1]
    package = ["numbaflow", *parts] if parts[0] == "kernels" else list(parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else []
            stem = [*base, *(node.module.split(".") if node.module else [])]
            if stem == ["numbaflow"]:
                yield from (f"numbaflow.{a.name}" for a in node.names)
            else:
                yield ".".join(stem)


@pytest.mark.parametrize("layer", BELOW)
def test_a_layer_imports_only_what_is_below_it(layer):
    import sys
    for path in modules(layer):
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "numbaflow":
                assert parts[1] in BELOW[layer], f"{path.relative_to(ROOT)} imports {name}"
            else:
                known = THIRD_PARTY[layer] | (CUDA if path.parent.name == "cuda" else set())
                allowed = parts[0] in sys.stdlib_module_names or parts[0] in known
                assert allowed, f"{path.relative_to(ROOT)} imports {name}"


def test_every_folder_has_its_rule():
    folders = {p.parent.name for p in (ROOT / "numbaflow").glob("*/__init__.py")}
    assert folders | {"kernels"} == set(BELOW)


def test_compile_options_stand_in_one_module():
    for layer in BELOW:
        for path in modules(layer):
            if path.name != "jit.py" and path.parent.name != "cuda":       # (CUDA's compiler has its own)
                text = path.read_text()
                for word in ("njit(", "@njit", "numba.jit", "fastmath=", "error_model="):
                    assert word not in text, path


def test_setup_cfg_lists_every_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    found = {"numbaflow.kernels", "numbaflow.kernels.cuda"} | {".".join(p.parent.relative_to(ROOT).parts)
                                     for p in (ROOT / "numbaflow").rglob("__init__.py")}
    assert listed == found
