"""The guide's programs where there is a GPU: tensors go there by themselves, the same is printed."""
import re

import numpy as np
from numbaflow.kernels.cuda import backend

import numbaflow as nf

from ..guide.console import run
from ..guide.test_guide import PROGRAMS

SAME = ["setup", "arrays", "fizzbuzz", "layer", "tape", "regression", "checkpoint", "metrics", "line_search",
        "gradient_functions", "custom_gradient"]
SMALL = {"lifetime": [("[1000, 1000]", "[10, 10]")],
         "performance": [("(100, 100)", "(6, 6)"), ("steps = 20", "steps = 2")],
         "regression": [("NUM_EXAMPLES = 2000", "NUM_EXAMPLES = 100"), ("range(300)", "range(20)")]}


def source(section):
    text = (PROGRAMS / f"{section}.py").read_text()
    for old, new in SMALL.get(section, []) if backend.SIMULATED else []:
        text = text.replace(old, new)
    return text


def session(sections, folder, monkeypatch):
    """What each section prints, in one console; and the names."""
    monkeypatch.chdir(folder)
    nf.set_random_seed(1)
    nf.keras.backend.clear_session()
    names, printed = {"__name__": "__console__", "tf": nf, "tfe": nf.contrib.eager, "np": np}, {}
    for section in sections:
        printed[section] = run(source(section), names, section)
    return printed, names


def numbers(text):
    """A text, and the numbers in it, which differ in their last digits."""
    text = re.sub(r"id=\d+", "id", text)
    found = re.findall(r"\d+\.\d*(?:e[-+]\d+)?|\d+", text)
    return re.sub(r"\d+\.\d*(?:e[-+]\d+)?|\d+", "#", text), [float(x) for x in found]


def test_what_is_printed_is_the_same(tmp_path, monkeypatch, request):
    folders = [tmp_path / "cpu", tmp_path / "gpu"]
    for folder in folders:
        folder.mkdir()
    with nf.device("/cpu:0"):
        expected, _ = session(SAME, folders[0], monkeypatch)
    request.getfixturevalue("automatic")
    found, names = session(SAME, folders[1], monkeypatch)
    assert names["four"].device.endswith("GPU:0")
    for section in SAME:
        printed = found[section].replace("GPU:0", "CPU:0").replace(str(folders[1]), str(folders[0]))
        text, values = numbers(printed)
        other, others = numbers(expected[section])
        assert text == other, section
        np.testing.assert_allclose(values, others, rtol=1e-3, atol=1e-5, err_msg=section)


def test_performance(tmp_path, monkeypatch):
    printed, _ = session(["setup", "performance", "devices"], tmp_path, monkeypatch)
    first, cpu, gpu = printed["performance"].splitlines()
    assert first.startswith("Time to multiply")
    assert re.fullmatch(r"CPU: \d+\.\d+(e-\d+)? secs", cpu)
    assert re.fullmatch(r"GPU: \d+\.\d+(e-\d+)? secs", gpu)
    assert printed["devices"].splitlines()[-1] == "1"


def test_copies(tmp_path, monkeypatch):
    _, names = session(["setup", "devices"], tmp_path, monkeypatch)
    assert names["x_cpu"].device.endswith("CPU:0")
    assert names["x_gpu0"].device.endswith("GPU:0")
    if nf.contrib.eager.num_gpus() > 1:
        assert names["x_gpu1"].device.endswith("GPU:1")


def test_lifetime_of_a_variable(tmp_path, monkeypatch):
    printed, _ = session(["setup", "lifetime"], tmp_path, monkeypatch)
    assert printed["lifetime"] == "None\n"
