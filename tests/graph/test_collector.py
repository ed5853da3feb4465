"""The collector of cycles is held still while programs are made, and runs again after."""
import gc

import pytest

import numbaflow as nf
from numbaflow.graph.programs.collector import Held


def test_nested_contexts_end_with_the_outer_one():
    with Held():
        with Held():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off():
    gc.disable()
    try:
        with Held():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_it_runs_again_after_an_error_while_tracing():
    seen = []

    @nf.function
    def f(x):
        seen.append(gc.isenabled())
        raise KeyError("no such thing")

    with pytest.raises(KeyError):
        f(nf.constant(1.0))
    assert seen == [False]
    assert gc.isenabled()
