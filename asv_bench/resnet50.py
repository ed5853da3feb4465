"""A training step of ResNet-50, numbaflow beside PyTorch eager, in turns in one run.

    python asv_bench/resnet50.py --torch PYTHON [--batch 4] [--size 224] [--rounds 5] [--threads 2]

PYTHON is an interpreter that has torch; this one needs numbaflow.  Each library runs in a process of its own,
and steps go in turns, so that a machine whose speed drifts slows all alike.  PyTorch runs its default layout
and channels_last.  All train the same network (strides in the first convolution of a block, biases) with
momentum on the same images; the printed losses of the first step are of different random weights.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))


def data(batch, size):
    rng = np.random.default_rng(0)
    return rng.standard_normal((batch, size, size, 3), dtype=np.float32), rng.integers(0, 1000, batch)


def numbaflow_step(batch, size):
    import numbaflow as nf
    images, labels = (nf.constant(x) for x in data(batch, size))
    model = nf.keras.applications.ResNet50(input_shape=(size, size, 3))
    optimizer = nf.train.MomentumOptimizer(0.01, 0.9)

    def step():
        with nf.GradientTape() as tape:
            losses = nf.keras.losses.sparse_categorical_crossentropy(labels, model(images, training=True))
            loss = nf.reduce_mean(losses)
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return float(loss)
    return step


def torch_network():
    from torch import nn

    def conv(inputs, filters, size, stride=1):
        return [nn.Conv2d(inputs, filters, size, stride, padding=size // 2), nn.BatchNorm2d(filters)]

    class Block(nn.Module):
        def __init__(self, inputs, filters, stride, projected):
            super().__init__()
            self.body = nn.Sequential(
                *conv(inputs, filters, 1, stride), nn.ReLU(), *conv(filters, filters, 3), nn.ReLU(),
                *conv(filters, 4 * filters, 1))
            self.shortcut = nn.Identity()
            if projected:
                self.shortcut = nn.Sequential(*conv(inputs, 4 * filters, 1, stride))
            self.relu = nn.ReLU()

        def forward(self, x):
            return self.relu(self.body(x) + self.shortcut(x))

    layers, inputs = [*conv(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for filters, blocks, stride in STAGES:
        for k in range(blocks):
            layers.append(Block(inputs, filters, stride if k == 0 else 1, k == 0))
            inputs = 4 * filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1000))


def torch_step(batch, size, layout):
    import torch
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    images, labels = data(batch, size)
    network = torch_network().to(memory_format=layout(torch))
    images = torch.tensor(images).permute(0, 3, 1, 2).contiguous(memory_format=layout(torch))
    labels = torch.tensor(labels)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)

    def step():
        loss = torch.nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())
    return step


STEPS = {
    "numbaflow": numbaflow_step,
    "torch": lambda batch, size: torch_step(batch, size, lambda torch: torch.contiguous_format),
    "torch, channels_last": lambda batch, size: torch_step(batch, size, lambda torch: torch.channels_last),
}


def work(name, batch, size):
    """Take a step for each line that comes in; give its seconds and its loss."""
    step = STEPS[name](batch, size)
    for _ in sys.stdin:
        start = time.perf_counter()
        loss = step()
        print(json.dumps([time.perf_counter() - start, loss]), flush=True)


def ask(process):
    process.stdin.write("step\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", metavar="PYTHON", default=sys.executable)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        return work(arguments.work, arguments.batch, arguments.size)

    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(arguments.threads))
    processes = {}
    for name in STEPS:
        python = arguments.torch if name.startswith("torch") else sys.executable
        sizes = ["--batch", str(arguments.batch), "--size", str(arguments.size)]
        processes[name] = subprocess.Popen([python, __file__, "--work", name, *sizes], stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE, text=True, env=environment)
    firsts = {name: ask(process) for name, process in processes.items()}
    for process in processes.values():
        ask(process)
    times = {name: [] for name in processes}
    for _ in range(arguments.rounds):
        for name, process in processes.items():
            times[name].append(ask(process)[0])
    best = min(statistics.median(t) for name, t in times.items() if name != "numbaflow")
    for name, t in times.items():
        median = statistics.median(t)
        print(f"{name:22s} {median:7.3f} s a step   x{median / best:5.2f}   first {firsts[name][0]:6.2f} s   "
              f"first loss {firsts[name][1]:.3f}")
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return None


if __name__ == "__main__":
    main()
