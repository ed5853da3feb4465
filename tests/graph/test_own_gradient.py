"""custom_gradient inside compiled functions, differentiated inside and from outside."""
import numpy as np

import numbaflow as nf


@nf.custom_gradient
def tenfold(x):
    e = nf.exp(x)
    return x * x, lambda dy: dy * 10.0 * x * e


def derivative(f):
    return lambda x: nf.gradients_function(lambda x: nf.reduce_sum(f(x)))(x)[0]


def test_derivatives_are_those_of_the_users_function():
    x = nf.constant([0.5, 2.0])
    eager, compiled = tenfold, nf.function(tenfold)
    for _ in range(3):
        np.testing.assert_allclose(compiled(x).numpy(), eager(x).numpy(), rtol=1e-5)
        eager, compiled = derivative(eager), derivative(compiled)


def test_a_gradient_inside_the_function():
    x, g = nf.constant([0.5, 2.0]), derivative(tenfold)
    np.testing.assert_allclose(nf.function(g)(x).numpy(), g(x).numpy(), rtol=1e-5)


def test_variables_that_the_function_reads():
    w = nf.Variable(3.0)

    @nf.custom_gradient
    def scaled(x):
        def grad(dy, variables=None):
            return dy * 7.0, [nf.reduce_sum(dy) * 5.0]
        return x * w, grad

    x, f = nf.constant([1.0, 2.0]), nf.function(lambda x: nf.reduce_sum(scaled(x)))
    with nf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    dx, dw = tape.gradient(y, [x, w])
    assert dx.numpy().tolist() == [7.0, 7.0]
    assert dw.numpy() == 10.0


def test_programs_hold_no_trace_of_it():
    x = nf.constant([0.5, 2.0])
    program = nf.function(tenfold).get_concrete_function(x).program
    assert [step.node.op.name for step in program.code] == ["fused"]
