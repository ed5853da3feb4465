"""ExponentialMovingAverage against NumPy; names, lives, checkpoints, errors."""
import gc

import numpy as np
import pytest

import numbaflow as nf
from numbaflow import train


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_averages(dtype):
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(s) for s in [(), (3, 2), (0,), (600, 500)]]
    variables = [nf.Variable(v.astype(dtype)) for v in values]
    ema, expected = train.ExponentialMovingAverage(0.9), None
    for _ in range(4):
        ema.apply(variables)
        now = [v.numpy().astype("float64") for v in variables]
        before = now if expected is None else expected
        expected = [0.9 * e + 0.1 * x for e, x in zip(before, now, strict=True)]
        for v, e in zip(variables, expected, strict=True):
            average = ema.average(v)
            assert average.dtype == dtype
            assert not average.trainable
            np.testing.assert_allclose(average.numpy(), e, atol=1e-6 if dtype == "float32" else 1e-14)
            v.assign(rng.standard_normal(v.shape).astype(dtype))


def test_early_updates_weigh_more():
    v, steps = nf.Variable(np.float64(0.0)), nf.Variable(0)
    ema = train.ExponentialMovingAverage(lambda: 0.5, num_updates=steps)
    ema.apply(v)
    v.assign(1.0)
    ema.apply([v])
    assert ema.average(v).numpy() == pytest.approx(0.9)
    steps.assign(100)
    ema.apply([v])
    assert ema.average(v).numpy() == pytest.approx(0.95)


def test_names_and_lives():
    ema = train.ExponentialMovingAverage(0.9)
    with nf.name_scope("outer"):
        v = nf.Variable(1.0, name="w")
        assert ema.average(v) is None
        ema.apply([v])
    assert ema.average(v).name == ema.average_name(v) + ":0" == "outer/w/ExponentialMovingAverage:0"
    assert ema.name == "ExponentialMovingAverage"
    del v
    gc.collect()
    assert not ema._averages


def test_checkpoints_hold_averages(tmp_path):
    v, ema = nf.Variable(1.0), train.ExponentialMovingAverage(0.5)
    ema.apply([v])
    v.assign(3.0)
    ema.apply([v])
    path = train.Checkpoint(v=v, ema=ema).save(str(tmp_path / "c"))
    w, fresh = nf.Variable(7.0), train.ExponentialMovingAverage(0.5)
    train.Checkpoint(v=w, ema=fresh).restore(path).assert_consumed()
    assert (w.numpy(), fresh.average(w).numpy()) == (3.0, 2.0)


def test_refusals():
    ema = train.ExponentialMovingAverage(0.9)
    with pytest.raises(ValueError, match="name the variables"):
        ema.apply()
    for bad in ([nf.constant(1.0)], [nf.Variable(1)], [3.0]):
        with pytest.raises(TypeError, match="must be float32 or float64 variables"):
            ema.apply(bad)
