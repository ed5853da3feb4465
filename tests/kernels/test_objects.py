"""Machine code of Numba's kernels on the disk: another process runs it, and what is damaged is made anew."""
import os
import subprocess
import sys

_PROCESS = """
import ctypes
import numpy as np
from numba.core.runtime import rtsys
from numbaflow.kernels import builds
from numbaflow.kernels.adapter import adapted, cells_of, type_of
from numbaflow.kernels.jit import range_kernel

@range_kernel
def doubled(x, out, lo, hi):
    room = np.empty(hi - lo)
    for i in range(lo, hi):
        room[i - lo] = 2.0 * x[i]
    for i in range(lo, hi):
        out[i] = room[i - lo] if x[i] < 1e9 else np.sqrt(x[i])

x, out = np.arange(5.0), np.zeros(5)
made = adapted(doubled, (type_of(x), type_of(out)))
cells = np.array([c for a in (x, out) for c in cells_of(a, lambda array: array.ctypes.data)], np.int64)
ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(made.address)(cells.ctypes.data, 0, 5)
print(out.tolist(), builds.of(made.address).cached, rtsys._init)
"""


def process(folder):
    made = subprocess.run([sys.executable, "-c", _PROCESS], capture_output=True, text=True, check=False,
                          env={**os.environ, "NUMBAFLOW_CACHE_DIR": str(folder)})
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def test_what_one_process_compiles_another_loads_without_numbas_runtime(tmp_path):
    right = [0.0, 2.0, 4.0, 6.0, 8.0]
    assert process(tmp_path) == f"{right} False True"
    assert process(tmp_path) == f"{right} True False"
    file, = tmp_path.glob("doubled-*.obj")
    file.write_bytes(file.read_bytes()[:-100])
    assert process(tmp_path) == f"{right} False True"
    assert process(tmp_path) == f"{right} True False"
