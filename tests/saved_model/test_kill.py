"""A process that is killed in the middle of a save leaves whole models only."""
import os
import random
import subprocess
import sys
import time

import pytest

from numbaflow import saved_model

PROGRAM = """
import sys
import numpy as np
import numbaflow as nf
from numbaflow import saved_model
from numbaflow.graph.function import TensorSpec, function

w = nf.Variable(np.zeros(200_000, np.float32))
f = function(lambda x: w * x + np.arange(200_000, dtype=np.float32), input_signature=[TensorSpec([])])
k = int(sys.argv[2])
while True:
    k += 1
    w.assign(np.full(200_000, k, np.float32))
    saved_model.save(f, f"{sys.argv[1]}/same")
    saved_model.save(f, f"{sys.argv[1]}/new-{k}")
    print(k, flush=True)
"""


@pytest.mark.slow
def test_kills_at_random_moments_leave_whole_models(tmp_path):
    done, rng = 0, random.Random(0)
    for _ in range(8):
        child = subprocess.Popen([sys.executable, "-c", PROGRAM, tmp_path, str(done)], stdout=subprocess.PIPE,
                                 text=True)
        with child:
            done = max(done, int(child.stdout.readline()))
            time.sleep(rng.random() * 0.05)
            child.kill()
            done = max([done, *map(int, child.stdout.read().split())])
        for name in os.listdir(tmp_path):
            if not name.startswith("."):
                w, = saved_model.load(tmp_path / name).variables
                values = w.numpy()
                assert (values == values[0]).all()
                assert values[0] >= done if name == "same" else values[0] == int(name[4:])
        assert (tmp_path / f"new-{done}").exists()
