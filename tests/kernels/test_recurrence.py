"""linear_recurrence against a loop: every layout, rows and columns, both ends, empty."""
import numpy as np
import pytest
from numbaflow.kernels.recurrence import TILE, linear_recurrence


def by_loop(a, b, axis, exclusive, reverse):
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    y, h = np.empty_like(b), np.zeros_like(b[0])
    for j in range(len(a))[::-1 if reverse else 1]:
        before, h = h, a[j] * h + b[j]
        y[j] = before if exclusive else h
    return np.moveaxis(y, 0, axis)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("shape", "axis"), [((7,), 0), ((4, 5), 1), ((4, 5), 0), ((2, 3, 4), 1),
                                             ((3, 2 * TILE + 7), 0), ((700, 200), 1), ((1, 3), 0)])
def test_against_a_loop(shape, axis, exclusive, reverse):
    a, b = np.random.default_rng(0).uniform(-1, 1, (2, *shape))
    expected = by_loop(a, b, axis, exclusive, reverse)
    np.testing.assert_allclose(linear_recurrence(a, b, axis, exclusive, reverse), expected, rtol=1e-12,
                               atol=1e-14)
    fortran = linear_recurrence(np.asfortranarray(a), np.asfortranarray(b), axis, exclusive, reverse)
    np.testing.assert_allclose(fortran, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("shape", "axis"), [((0,), 0), ((0, 3), 0), ((3, 0), 0), ((3, 0), 1)])
def test_nothing(shape, axis):
    assert linear_recurrence(np.ones(shape), np.ones(shape), axis).shape == shape


def test_infinities_run_on():
    y = linear_recurrence(np.array([1.0, 1.0, 0.5]), np.array([np.inf, 1.0, -np.inf]), 0)
    np.testing.assert_array_equal(y, [np.inf, np.inf, np.nan])
