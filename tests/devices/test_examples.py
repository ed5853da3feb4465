"""The examples run small on a GPU as they stand; in the simulator those that launch little."""
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from numbaflow.kernels.cuda.backend import SIMULATED

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("examples_run_small", ROOT / "tests/examples/test_examples.py")
small = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(small)
FEW_LAUNCHES = ["linear_regression", "line_search"]
# the simulator places nothing by itself: a program that does so, then the example
AUTOMATIC = ("from numbaflow.kernels.cuda import backend; backend.current().automatic = True\n"
             "import numbaflow.core.device; numbaflow.core.device.places.on = True\n"
             "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')")


@pytest.mark.parametrize("name", FEW_LAUNCHES if SIMULATED else sorted(small.SMALL))
def test_runs_on_a_gpu(name, tmp_path):
    for module in small.NEEDS.get(name, []):
        pytest.importorskip(module)
    out = ["--out", str(tmp_path / "new")] if name in small.PICTURES else []
    how = ["-c", AUTOMATIC] if SIMULATED else []
    few = ["--steps", "3"] if SIMULATED else small.SMALL[name]
    command = [sys.executable, "-W", "error", *how, str(ROOT / f"examples/{name}.py"), *few, *out]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | {"MPLCONFIGDIR": str(tmp_path)},
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout
