"""The GPU bench runs from end to end: on the CPU, and on a GPU in the simulator's run."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "asv_bench" / "gpu" / "run.py"
SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
MODE = "--simulate" if SIMULATED else "--cpu"


def run(*options):
    return subprocess.run([sys.executable, SCRIPT, "--peers", "", *options], capture_output=True, text=True)


@pytest.mark.slow
def test_every_row_is_measured_and_written(tmp_path):
    done = run(MODE, "--out", str(tmp_path / "figures.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["settings"]["meaningless"]
    assert len(figures["rows"]) > 20
    for row in figures["rows"]:
        assert row["numbaflow"] > 0
        assert row["torch_eager"] is row["torch_compile"] is row["ratio"] is row["met"] is None
        assert f"\n{row['name']} " in done.stdout


def test_names_choose_rows_and_shares_bring_the_copy():
    done = run(MODE, "launch", "tanh")
    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout[done.stdout.index("\nrow ") + 1:].splitlines()[1:]
    assert [line.split()[0] for line in table] == ["copy", "tanh", "launch"]
    assert "% of copy" in table[1]


def test_an_unknown_row_is_named():
    done = run("--cpu", "transmogrify")
    assert done.returncode == 2
    assert "no row begins with transmogrify" in done.stderr


if not SIMULATED:
    def test_without_a_gpu_it_says_so():
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run([sys.executable, SCRIPT, "launch"], capture_output=True, text=True,
                              env=environment)
        assert done.returncode == 1
        assert done.stderr.startswith("no GPU: ")
        assert done.stderr.count("\n") == 1
