"""Gradient functions: functions in, functions of derivatives out."""
import numpy as np

import numbaflow as nf


def nth_derivative(f, order):
    """The function that gives the derivative of that order."""
    for _ in range(order):
        f = first_derivative(f)
    return f


def first_derivative(f):
    gradients = nf.gradients_function(f)
    return lambda x: gradients(x)[0]


class Derivative:
    """Derivatives of one op at one number."""

    params = (["square", "tanh"], [1, 2, 3])
    param_names = ("op", "order")

    def setup(self, op, order):
        self.derivative = nth_derivative(getattr(nf, op), order)
        self.time_derivative(op, order)

    def time_derivative(self, op, order):
        return self.derivative(0.5)


def rosenbrock(x):
    """The sum of 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2."""
    head, tail = x[:-1], x[1:]
    return nf.reduce_sum(100.0 * nf.square(tail - nf.square(head)) + nf.square(1.0 - head))


class Rosenbrock:
    """Gradient and Hessian-vector product of Rosenbrock's function of 1,000 variables."""

    def setup(self):
        rng = np.random.default_rng(0)
        self.x, self.v = (nf.constant(rng.standard_normal(1000)) for _ in range(2))
        self.gradient, self.hvp = nf.gradients_function(rosenbrock), nf.hvp(rosenbrock)
        self.time_gradient()
        self.time_hvp()

    def time_gradient(self):
        return self.gradient(self.x)

    def time_hvp(self):
        return self.hvp(self.x, self.v)


class Jacobian:
    """The Jacobian of a net of 8 inputs, 16 hidden units and 4 outputs, and the Hessian of its sum."""

    def setup(self):
        rng = np.random.default_rng(0)
        w, u = (nf.constant(rng.standard_normal(s).astype("float32")) for s in ((8, 16), (16, 4)))
        self.x = nf.constant(rng.standard_normal((1, 8)).astype("float32"))
        self.jacobian = nf.jacobian(lambda x: nf.matmul(nf.tanh(nf.matmul(x, w)), u))
        self.hessian = nf.hessian(lambda x: nf.reduce_sum(nf.matmul(nf.tanh(nf.matmul(x, w)), u)))
        self.time_jacobian()
        self.time_hessian()

    def time_jacobian(self):
        return self.jacobian(self.x)

    def time_hessian(self):
        return self.hessian(self.x)


class ForwardMode:
    """The derivative of a function of 1,000 variables along a direction."""

    def setup(self):
        rng = np.random.default_rng(0)
        self.x, self.v = (nf.constant(rng.standard_normal(1000)) for _ in range(2))
        self.time_jvp()

    def time_jvp(self):
        return nf.jvp(rosenbrock, [self.x], [self.v])
