"""Recording and walking back: chains of small ops, where the tape is what is timed."""
import numbaflow as nf


def chain(x, length):
    """`length` ops, one after the other."""
    y = x
    for _ in range(length // 2):
        y = nf.tanh(y) * x
    return y


class Chain:
    """Value, and value and gradient, of a chain of ops on a 2x2 tensor."""

    params = (20, 1000)
    param_names = ("ops",)

    def setup(self, ops):
        self.x = nf.constant([[0.1, 0.2], [0.3, 0.4]])
        self.time_value(ops)
        self.time_value_and_gradient(ops)

    def time_value(self, ops):
        return chain(self.x, ops)

    def time_value_and_gradient(self, ops):
        with nf.GradientTape() as tape:
            tape.watch(self.x)
            y = chain(self.x, ops)
        return tape.gradient(y, self.x)


class Persistent:
    """Ten gradients from one record of 20 ops."""

    def setup(self):
        self.x = nf.constant(0.5)
        self.time_ten_gradients()

    def time_ten_gradients(self):
        with nf.GradientTape(persistent=True) as tape:
            tape.watch(self.x)
            y = chain(self.x, 20)
        return [tape.gradient(y, self.x) for _ in range(10)]


class Nested:
    """The derivative of an order, from as many tapes inside each other."""

    params = (2, 3, 4)
    param_names = ("order",)

    def setup(self, order):
        self.x = nf.constant(0.5)
        self.time_derivative(order)

    def time_derivative(self, order):
        return self.derivative(order)

    def derivative(self, order):
        if order == 0:
            return nf.tanh(self.x) * self.x
        with nf.GradientTape() as tape:
            tape.watch(self.x)
            y = self.derivative(order - 1)
        return tape.gradient(y, self.x)


class Variables:
    """Gradients with respect to 100 variables that each is read once."""

    def setup(self):
        self.variables = [nf.Variable(float(k)) for k in range(100)]
        self.time_gradient()

    def time_gradient(self):
        with nf.GradientTape() as tape:
            y = nf.add_n([v * v for v in self.variables])
        return tape.gradient(y, self.variables)
