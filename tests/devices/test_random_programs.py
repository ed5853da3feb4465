"""Random programs on a GPU, eager and compiled, against eager ones on the CPU, call after call."""
import numpy as np
from hypothesis import given, note

import numbaflow as nf
from numbaflow.core import nest

from ..graph.test_random_programs import SINGLE, SMALL, example, is_tame, programs, started, trained


def close(found, expected, kind, what):
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None), what
        if b is not None:
            assert a.device.endswith("GPU:0"), what
            assert (a.dtype, tuple(a.shape)) == (b.dtype, tuple(b.shape)), what
            scale = max(1.0, float(np.abs(b.numpy()).max(initial=0)))
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=kind.tolerance,
                                       atol=kind.tolerance * scale / 10, err_msg=what)


def check(kind, steps, results):
    """Compare three calls, the third of which repeats what the second captured."""
    for k, step in enumerate(steps):
        note(f"%{k + len(kind.shapes)} = {step.text} of {step.operands}")
    note(f"results: {results}")
    pool, variable = started(kind)
    with nf.device("/gpu:0"):
        there, mine = started(kind)
        ours = started(kind)[1]
    on_cpu = trained(steps, results, variable)
    eager, compiled = trained(steps, results, mine), nf.function(trained(steps, results, ours))
    for _ in range(3):
        expected = nest.flatten([on_cpu(*pool[:-1]), variable.read_value()])
        if not all(is_tame(t, kind) for t in expected if t is not None):
            break
        for function, own, what in (eager, mine, "eager"), (compiled, ours, "compiled"):
            close(nest.flatten([function(*there[:-1]), own.read_value()]), expected, kind, what)


@example(25)
@given(programs(SMALL))
def test_programs_agree(program):
    check(*program)


@example(10)
@given(programs(SINGLE))
def test_single_precision_agrees(program):
    check(*program)
