"""A program that kills its children in the middle of saves and looks at what is left.  A test runs it.

    python killed_saves.py FOLDER random 200      kill after a random time
    python killed_saves.py FOLDER each            kill before each call to the system that a save makes
"""
import builtins
import io
import os
import random
import signal
import struct
import sys
import time

import numpy as np

import numbaflow as nf
from numbaflow.train import checkpoint_disk

SIZE = 30_000


def program(folder):
    """A root whose values are all the same number, and its manager."""
    v = nf.Variable(np.zeros(SIZE))
    momentum = nf.train.MomentumOptimizer(0.0, 0.0)
    momentum.apply_gradients([(nf.constant(np.zeros(SIZE)), v)])
    root = nf.train.Checkpoint(v=v, momentum=momentum, step=nf.Variable(np.int64(0)))
    return root, nf.train.CheckpointManager(root, folder, max_to_keep=3)


def values(root):
    return [root.v, root.momentum.get_slot(root.v, "momentum"), root.step]


def latest_step(folder):
    """The step in the latest checkpoint, which has to be whole and of one step."""
    path = nf.train.latest_checkpoint(folder)
    if path is None:
        return 0
    root, _ = program(folder)
    root.restore(path).assert_consumed()
    found = {x for v in values(root) for x in np.unique(v.numpy())}
    assert len(found) == 1, f"{path} mixes the steps {found}"
    return int(found.pop())


def go_on(folder, tell, steps=None):
    """Train from the latest checkpoint on; `tell` what was saved."""
    root, manager = program(folder)
    root.restore(manager.latest_checkpoint)
    step = int(root.step)
    while steps is None or steps > 0:
        step += 1
        for v in values(root):
            v.assign(np.full(v.shape, step, v.dtype.as_numpy_dtype))
        manager.save()
        tell(step)
        steps = steps and steps - 1
    return manager


def child(body):
    """A forked process that runs body(tell): its number, and where to read what it tells."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            body(lambda step: os.write(writer, struct.pack("q", step)))
        finally:
            os._exit(1)
    os.close(writer)
    return pid, reader


def ended(pid, reader):
    """Wait for a child: the last step it told of."""
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), f"a child stopped by itself with {status}"
    told = b""
    while part := os.read(reader, 1 << 16):
        told += part
    os.close(reader)
    return struct.unpack("q", told[-8:])[0] if told else 0


def checked(folder, told):
    found = latest_step(folder)
    assert found >= told, f"step {told} was saved, the latest checkpoint is of step {found}"


def partial_files(folder):
    return [name for name in os.listdir(folder) if name.endswith(".partial")]


def kill_at_random(folder, times):
    chance, left, start = random.Random(0), 0, time.perf_counter()
    go_on(folder, lambda step: None, 3)
    longest = time.perf_counter() - start
    for _ in range(times):
        pid, reader = child(lambda tell: go_on(folder, tell))
        time.sleep(chance.uniform(0.0, longest))
        os.kill(pid, signal.SIGKILL)
        told = ended(pid, reader)
        left += bool(partial_files(folder))
        checked(folder, told)
    assert left, "no kill came in the middle of a save"


CALLS = ["open", "close", "fsync", "replace", "mkdir", "unlink"]


def kill_before(number):
    """Let this process die before its call to the system of that number."""
    count = 0

    def watched(call):
        def die_or_call(*args, **kwargs):
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)
        return die_or_call
    for name in CALLS:
        setattr(os, name, watched(getattr(os, name)))
    checkpoint_disk.fcntl.flock = watched(checkpoint_disk.fcntl.flock)
    io.BufferedWriter = watched(io.BufferedWriter)      # made when a file is there, and not locked yet
    builtins.open = watched(builtins.open)


def kill_at_each_call(folder):
    """Five saves, so that old checkpoints are deleted as well, ended before each of their calls in turn."""
    go_on(folder, lambda step: None, 3)
    number, killed = 0, True
    while killed:
        number += 1

        def body(tell, number=number):
            kill_before(number)
            go_on(folder, tell, 2)
            os.kill(os.getpid(), signal.SIGTERM)        # all calls were made
        pid, reader = child(body)
        killed = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT).si_status == signal.SIGKILL
        checked(folder, ended(pid, reader))
    assert number > 30, f"a save makes {number} calls to the system only"


def main(folder, how, times="0"):
    go_on(folder, lambda step: None, 1)         # everything is imported and compiled before the first fork
    kill_at_random(folder, int(times)) if how == "random" else kill_at_each_call(folder)
    manager = go_on(folder, lambda step: None, 1)
    there = {name for name in os.listdir(folder) if name != "checkpoint"}
    assert there == {os.path.basename(path) + ".safetensors" for path in manager.checkpoints}, there


if __name__ == "__main__":
    main(*sys.argv[1:])
