"""why_none: a gradient that is None is explained in words."""
import numpy as np
import pytest

import numbaflow as nf


@pytest.fixture
def x():
    return nf.constant([1.0, 2.0])


def explained(tape, target, source):
    """The explanation of a gradient that really is None."""
    text = nf.why_none(tape, target, source)
    assert tape.gradient(target, source) is None
    return text


def test_a_source_that_is_not_watched(x):
    with nf.GradientTape(persistent=True) as tape:
        y = x * x
    assert "not watched: call tape.watch" in explained(tape, y, x)


def test_variables_that_are_not_traced():
    fixed, unread = nf.Variable(1.0, trainable=False), nf.Variable(1.0)
    with nf.GradientTape(persistent=True) as tape:
        y = fixed * 2.0
    assert "not trainable" in explained(tape, y, fixed)
    assert "not read inside the tape" in explained(tape, y, unread)


def test_dtypes_without_gradients(x):
    n = nf.constant([1, 2])
    with nf.GradientTape(persistent=True) as tape:
        tape.watch([x, n])
        y = nf.cast(n, nf.float32) * 2.0
        index = nf.argmax(x, 0)
    assert "source is int32" in explained(tape, y, n)
    text = explained(tape, index, x)
    assert "target is int64" in text
    assert "argmax (1 times, first at " in text
    assert "test_why_none.py" in text


def test_ops_without_gradients_are_named_with_their_place(x):
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = nf.cast(nf.cast(x, nf.int32), nf.float32) * 3.0
        y = y + nf.cast(nf.cast(x, nf.int32), nf.float32)
    assert "cast (2 times, first at " in explained(tape, y, x)


def test_values_that_left_the_tape(x):
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = nf.constant(np.exp(x)) * 2.0
        z = nf.constant(float(nf.reduce_sum(x)))
    for target in (y, z):
        assert "numpy() or Python numbers" in explained(tape, target, x)


def test_values_made_outside(x):
    before = x * 2.0
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
    assert "made outside the tape" in explained(tape, before, x)


def test_no_path_between_what_is_traced(x):
    other = nf.constant(3.0)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch([x, other])
        y = other * 2.0
    assert "no recorded op leads from the source to the target" in explained(tape, y, x)


def test_a_gradient_that_is_not_none(x):
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    assert nf.why_none(tape, y, x) == "The gradient is not None."
    assert tape.gradient(y, x) is not None


def test_variables_as_targets(x):
    v = nf.Variable(2.0)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = v * x
    assert "no recorded op leads" in nf.why_none(tape, v, x)
    assert nf.why_none(tape, v, v) == nf.why_none(tape, y, v) == "The gradient is not None."


def test_a_tape_that_holds_nothing(x):
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    assert "The tape is empty" in nf.why_none(tape, y, x)
    assert "The tape is empty" in nf.why_none(nf.GradientTape(), y, x)


def test_asking_inside_the_context_records_nothing(x):
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        entries = len(tape._tape.entries)
        nf.why_none(tape, y, x)
        assert len(tape._tape.entries) == entries


def test_a_gradient_function_can_be_none_too():
    g = nf.gradients_function(lambda x: nf.cast(nf.cast(x, nf.int32), nf.float32))
    assert g(1.5) == [None]
