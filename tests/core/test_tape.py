"""GradientTape: what it records, and what `gradient` says about targets and sources."""
import logging

import numpy as np
import pytest

import numbaflow as nf
from numbaflow.core.tape import listening


def value(x):
    return None if x is None else x.numpy().tolist()


@pytest.fixture(autouse=True)
def no_tape_is_left_listening():
    yield
    assert listening() == ()


# ---- first derivatives
def test_the_guides_first_gradient():
    w = nf.Variable([[1.0]])
    with nf.GradientTape() as tape:
        loss = w * w
    assert value(tape.gradient(loss, w)) == [[2.0]]


def test_only_watched_values_are_traced():
    x, y = nf.constant(3.0), nf.constant(2.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        z = x * x * y
    assert [value(g) for g in tape.gradient(z, [x, y])] == [12.0, None]


def test_watching_a_structure():
    x, y, v = nf.constant(1.0), nf.constant(2.0), nf.Variable(3.0, trainable=False)
    with nf.GradientTape() as tape:
        tape.watch({"a": [x, y], "b": (v,)})
        z = x * y * v
    assert [value(g) for g in tape.gradient(z, [x, y, v])] == [6.0, 3.0, 2.0]


def test_watching_starts_when_it_is_called():
    x = nf.constant(3.0)
    with nf.GradientTape() as tape:
        before = x * x
        tape.watch(x)
        after = x * 2.0
    assert value(tape.gradient([before, after], x)) == 2.0


def test_watching_what_has_no_gradient_warns(caplog):
    n = nf.constant(3)
    with caplog.at_level(logging.WARNING), nf.GradientTape() as tape:
        tape.watch(n)
        y = nf.cast(n, nf.float32) * 2.0
    assert "must be floating" in caplog.text
    assert tape.gradient(y, n) is None


@pytest.mark.parametrize("wrong", [3.0, np.ones(2), "x", None])
def test_watching_what_is_no_tensor(wrong):
    with nf.GradientTape() as tape, pytest.raises(AttributeError, match="is no tensor or variable"):
        tape.watch(wrong)


def test_sources_come_back_in_their_structure():
    x, y = nf.constant(1.0), nf.constant(2.0)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch([x, y])
        z = x * y
    assert value(tape.gradient(z, x)) == 2.0
    found = tape.gradient(z, {"b": [x], "a": (y, x)})
    assert list(found) == ["b", "a"]
    assert (value(found["b"][0]), value(found["a"][0]), value(found["a"][1])) == (2.0, 1.0, 2.0)
    assert isinstance(found["a"], tuple)
    assert tape.gradient(z, []) == []


def test_repeated_sources():
    x = nf.constant(3.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert [value(g) for g in tape.gradient(y, [x, x])] == [6.0, 6.0]


def test_targets_are_summed():
    x = nf.constant([1.0, 2.0])
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, z = x * x, 3.0 * x
    assert value(tape.gradient(y, x)) == [2.0, 4.0]
    assert value(tape.gradient([y, z], x)) == [5.0, 7.0]
    assert value(tape.gradient({"p": y, "q": (y, z)}, x)) == [7.0, 11.0]


def test_a_target_that_is_a_source():
    x = nf.constant([1.0, 2.0])
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    assert value(tape.gradient(x, x)) == [1.0, 1.0]
    assert value(tape.gradient(y, y)) == [1.0, 1.0]
    assert [value(g) for g in tape.gradient([x, y], [x, y])] == [[3.0, 5.0], [1.0, 1.0]]
    assert value(tape.gradient([x, x], x)) == [2.0, 2.0]


def test_values_on_the_way_can_be_sources():
    x = nf.constant(2.0)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y * x
    assert [value(g) for g in tape.gradient(z, [x, y])] == [80.0, 16.0]
    assert value(tape.gradient(z, y)) == 16.0
    assert tape.gradient(y, z) is None


def test_variables_as_targets_are_read():
    v, x = nf.Variable(3.0), nf.constant(2.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = v * x
    assert [value(g) for g in tape.gradient([y, v], [v, x])] == [3.0, 3.0]


def test_gradients_are_tensors_of_their_own():
    x, y = nf.constant(2.0), nf.constant(5.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        z = x + 0.5
    dx = tape.gradient(z, x)            # 1.0, which must not be the constant 1.0 of other expressions
    with nf.GradientTape() as tape:
        tape.watch(dx)
        z = dx * y + 1.0 * y
    assert value(tape.gradient(z, dx)) == 5.0


@pytest.mark.parametrize("given", ["as one", "in a list"])
def test_output_gradients(given):
    x = nf.constant([1.0, 2.0])
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    weights = nf.constant([10.0, 1.0])
    found = tape.gradient(y, x, output_gradients=weights if given == "as one" else [weights])
    assert value(found) == [20.0, 4.0]


def test_output_gradients_of_several_targets():
    x = nf.constant(3.0)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, z = x * x, x * 5.0
    assert value(tape.gradient([y, z], x, output_gradients=[1.0, 2.0])) == 16.0
    assert value(tape.gradient([y, z], x, output_gradients=[np.float64(0), nf.constant(1.0)])) == 5.0
    with pytest.raises(ValueError, match="output_gradients: 1 for 2 targets"):
        tape.gradient([y, z], x, output_gradients=[1.0])
    with pytest.raises(ValueError, match="None is not a gradient"):
        tape.gradient([y, z], x, output_gradients=[None, 1.0])
    with pytest.raises(ValueError, match=r"shape \(2,\) for a target of shape \(\)"):
        tape.gradient(y, x, output_gradients=nf.constant([1.0, 1.0]))


def test_unconnected_sources():
    x, y = nf.constant([1.0, 2.0]), nf.constant(np.ones((2, 2)))
    v = nf.Variable([[1.0, 1.0]])
    with nf.GradientTape(persistent=True) as tape:
        tape.watch([x, y])
        z = x * x
    assert tape.gradient(z, [y, v]) == [None, None]
    for rule in ("zero", nf.UnconnectedGradients.ZERO):
        dx, dy, dv = tape.gradient(z, [x, y, v], unconnected_gradients=rule)
        assert value(dx) == [2.0, 4.0]
        assert (value(dy), dy.dtype) == ([[0.0, 0.0], [0.0, 0.0]], nf.float64)
        assert value(dv) == [[0.0, 0.0]]
    with pytest.raises(ValueError, match="Unknown value for unconnected_gradients: 'nonsense'"):
        tape.gradient(z, x, unconnected_gradients="nonsense")


def test_wrong_targets_and_sources():
    x = nf.constant(1.0)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    with pytest.raises(AttributeError, match="a target must be a tensor, got None"):
        tape.gradient(None, x)
    with pytest.raises(TypeError, match="a source must be a tensor or a variable, got float"):
        tape.gradient(y, 1.0)


def test_stop_gradient_gives_none():
    x = nf.constant(3.0)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = nf.stop_gradient(x * x)
        z = y * x
    assert tape.gradient(y, x) is None
    assert value(tape.gradient(z, x)) == 9.0


def test_integers_and_bools_are_not_traced():
    x = nf.constant([1.0, 3.0])
    with nf.GradientTape() as tape:
        tape.watch(x)
        n = nf.cast(x, nf.int32)
        y = nf.cast(n * n, nf.float32) + nf.cast(x > 2.0, nf.float32) + x
    assert value(tape.gradient(y, x)) == [1.0, 1.0]


# ---- broadcasting, dtypes
def test_a_broadcast_operand_gets_its_own_shape():
    x, y, s = nf.constant(np.ones((3, 1))), nf.constant(np.ones(4)), nf.constant(np.float64(2))
    with nf.GradientTape() as tape:
        tape.watch([x, y, s])
        z = x * y * s
    dx, dy, ds = tape.gradient(z, [x, y, s])
    assert value(dx) == [[8.0]] * 3
    assert value(dy) == [6.0] * 4
    assert value(ds) == 12.0


def test_casts_between_dtypes_are_recorded():
    single, double, whole = nf.constant([1.0, 2.0]), nf.constant(np.array([3.0, 4.0])), nf.constant([5, 6])
    with nf.GradientTape() as tape:
        tape.watch([single, double])
        y = single * double * whole
    ds, dd, dw = tape.gradient(y, [single, double, whole])
    assert (y.dtype, ds.dtype, dd.dtype) == (nf.float64, nf.float32, nf.float64)
    assert (value(ds), value(dd), dw) == ([15.0, 24.0], [5.0, 12.0], None)


def test_complex_gradients_are_conjugated():
    z = nf.constant(np.array([1 + 2j, 3 - 1j]))
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        y = z * z
        parts = nf.unstack(z * z)
        p = parts[0] * parts[1]
    np.testing.assert_allclose(tape.gradient(y, z).numpy(), np.conj(2 * z.numpy()))
    a, b = z.numpy()
    np.testing.assert_allclose(tape.gradient(p, z).numpy(), np.conj([2 * a * b**2, 2 * b * a**2]))


def test_a_real_value_in_a_complex_product_gets_a_real_gradient():
    x, c = nf.constant(np.array([1.0, 2.0])), nf.constant(np.array([3 + 4j, 5j]))
    with nf.GradientTape() as tape:
        tape.watch([x, c])
        y = x * c
    dx, dc = tape.gradient(y, [x, c])
    assert value(dx) == [3.0, 0.0]
    assert value(dc) == [1 + 0j, 2 + 0j]


# ---- inside, again, and not at all
def test_one_gradient_a_tape():
    x = nf.constant(3.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    for again in (lambda: tape.gradient(y, x), lambda: tape.jacobian(y, x)):
        with pytest.raises(RuntimeError, match="can only be called once on non-persistent tapes"):
            again()


def test_a_tape_that_was_not_entered():
    tape, x = nf.GradientTape(), nf.constant(3.0)
    for call in (lambda: tape.gradient(x, x), lambda: tape.jacobian(x, x)):
        with pytest.raises(RuntimeError, match="has not been entered"):
            call()
    with pytest.raises(RuntimeError, match="not recording"):
        tape.watch(x)
    assert tape.watched_variables() == ()


def test_a_used_tape_can_start_anew():
    x, tape = nf.constant(3.0), nf.GradientTape()
    for _ in range(3):
        with tape:
            tape.watch(x)
            y = x * x
        assert value(tape.gradient(y, x)) == 6.0


def test_reentering_goes_on_with_the_record():
    x = nf.constant(3.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    ignored = y * 100.0
    with tape:
        z = y * 2.0
    assert value(tape.gradient([z, ignored], x)) == 12.0


def test_entering_while_recording():
    with nf.GradientTape() as tape, pytest.raises(ValueError, match=r"Tape is already recording\."):
        tape.__enter__()


def test_a_gradient_inside_its_own_context_ends_the_recording():
    x, v = nf.constant(3.0), nf.Variable(2.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        d = tape.gradient(y, x)
        assert listening() == ()
        z = v * d
    assert value(d) == 6.0
    assert value(z) == 12.0
    with pytest.raises(RuntimeError, match="only be called once"):
        tape.gradient(z, v)


def test_a_persistent_tape_inside_its_context_gives_higher_orders(caplog):
    x = nf.constant(3.0)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x * x * x
        with caplog.at_level(logging.WARNING):
            d1 = tape.gradient(y, x)
            d2 = tape.gradient(d1, x)
        d3 = tape.gradient(d2, x)
    assert [value(d) for d in (d1, d2, d3)] == [108.0, 108.0, 72.0]
    assert value(tape.gradient(d3, x)) == 24.0
    assert caplog.text.count("persistent tape inside its context") == 1
    v = nf.Variable(1.0)
    with nf.GradientTape(persistent=True) as tape:
        y = v * v
        with pytest.raises(ValueError, match=r"Tape is already recording\."):
            tape.gradient(v, v)


def test_stop_recording():
    x = nf.constant(3.0)
    with nf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        with tape.stop_recording():
            assert listening() == ()
            hidden = y * 5.0
            d = tape.gradient(y, x)
        z = y * 2.0
    assert value(d) == 6.0
    assert value(tape.gradient([z, hidden], x)) == 12.0
    with pytest.raises(RuntimeError, match="Trying to stop recording a tape which is not recording"), \
            nf.GradientTape().stop_recording():
        pass
    with pytest.raises(ValueError, match="Tape is not recording"), tape.stop_recording():
        pass


def test_stop_recording_is_for_one_tape_only():
    x = nf.constant(3.0)
    with nf.GradientTape() as outer, nf.GradientTape() as inner:
        outer.watch(x)
        inner.watch(x)
        with inner.stop_recording():
            y = x * x
    assert inner.gradient(y, x) is None
    assert value(outer.gradient(y, x)) == 6.0


def test_the_one_gradient_taken_where_recording_is_stopped():
    x = nf.constant(3.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        with tape.stop_recording():
            assert value(tape.gradient(y, x)) == 6.0
        tape.watch(x)                   # what follows is a new record
        z = x * 4.0
    assert value(tape.gradient(z, x)) == 4.0


def test_stop_recording_ends_with_an_exception():
    x = nf.constant(3.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(KeyError), tape.stop_recording():
            raise KeyError
        y = x * x
    assert value(tape.gradient(y, x)) == 6.0


def test_reset():
    x, v = nf.constant(3.0), nf.Variable(2.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = x * x * v
        tape.reset()
        assert tape.watched_variables() == ()
        tape.watch(x)
        z = x * 4.0
    assert [value(g) for g in tape.gradient([y, z], [x, v])] == [4.0, None]
    with pytest.raises(ValueError, match="not recording"):
        nf.GradientTape().reset()


def test_reset_leaves_other_tapes_alone():
    x = nf.constant(3.0)
    with nf.GradientTape() as outer, nf.GradientTape() as inner:
        outer.watch(x)
        inner.watch(x)
        y = x * x
        inner.reset()
        z = y * x
    assert inner.gradient(z, x) is None
    assert value(outer.gradient(z, x)) == 27.0


def test_an_exception_inside_the_context():
    x = nf.constant(3.0)
    outer, inner = nf.GradientTape(), nf.GradientTape()

    def fail():
        with outer, inner:
            outer.watch(x)
            made.append(x * x)
            raise KeyError
    made = []
    with pytest.raises(KeyError):
        fail()
    (y,) = made
    assert listening() == ()
    assert value(outer.gradient(y, x)) == 6.0
    assert inner.gradient(y, x) is None


def test_a_failing_gradient_leaves_no_tape_behind():
    @nf.custom_gradient
    def broken(x):
        def grad(dy):
            raise ZeroDivisionError
        return x * 2.0, grad
    x = nf.constant(1.0)
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = broken(x)
    with nf.GradientTape() as outer, pytest.raises(ZeroDivisionError):
        tape.gradient(y, x)
    assert outer.watched_variables() == ()
