"""Compiled functions: tracing, the first call with kernels new and kept, replay, the call itself, memory.

A workload is a function that needs nothing but `np` and `nf` and gives a function to compile, with arguments:
so its text can run in a process of its own too.
"""
import inspect

import numpy as np

import numbaflow as nf

from . import startup, tape


def gelu():
    def gelu_and_more(x, y):
        return 0.5 * x * (1.0 + nf.tanh(0.7978845608 * (x + 0.044715 * x * x * x))) * y + x
    return gelu_and_more, [nf.constant(np.linspace(-2, 2, 4096, dtype="float32"))] * 2


def gelu_gradient():
    def gradient(x, y):
        with nf.GradientTape() as tape:
            tape.watch(x)
            z = 0.5 * x * (1.0 + nf.tanh(0.7978845608 * (x + 0.044715 * x * x * x))) * y + x
        return tape.gradient(z, x)
    return gradient, [nf.constant(np.linspace(-2, 2, 4096, dtype="float32"))] * 2


def linear_regression():
    w, b = nf.Variable(5.0), nf.Variable(10.0)
    optimizer = nf.train.GradientDescentOptimizer(0.01)

    def step(x, y):
        with nf.GradientTape() as tape:
            loss = nf.reduce_mean(nf.square(x * w + b - y))
        optimizer.apply_gradients(zip(tape.gradient(loss, [w, b]), [w, b], strict=True))
        return loss
    x = np.random.RandomState(0).standard_normal(1000).astype("float32")
    return step, [nf.constant(x), nf.constant(3 * x + 2)]


def perceptron():
    random = np.random.RandomState(0)
    variables = [nf.Variable(0.1 * random.standard_normal(shape).astype("float32"))
                 for shape in ((64, 32), (32,), (32, 10), (10,))]
    optimizer = nf.train.AdamOptimizer(1e-3)

    def step(x, labels):
        with nf.GradientTape() as tape:
            hidden = nf.nn.relu(nf.matmul(x, variables[0]) + variables[1])
            logits = nf.matmul(hidden, variables[2]) + variables[3]
            loss = nf.losses.sparse_softmax_cross_entropy(labels, logits)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss
    return step, [nf.constant(random.standard_normal((32, 64)).astype("float32")),
                  nf.constant(random.randint(0, 10, 32))]


def convolution():
    random = np.random.RandomState(0)
    variables = [nf.Variable(0.1 * random.standard_normal(shape).astype("float32"))
                 for shape in ((3, 3, 1, 8), (8,), (8, 10))]
    optimizer = nf.train.AdamOptimizer(1e-3)

    def step(x, labels):
        with nf.GradientTape() as tape:
            y = nf.nn.relu(nf.nn.conv2d(x, variables[0], strides=1, padding="VALID") + variables[1])
            logits = nf.matmul(nf.reduce_mean(y, axis=(1, 2)), variables[2])
            loss = nf.losses.sparse_softmax_cross_entropy(labels, logits)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss
    return step, [nf.constant(random.standard_normal((8, 14, 14, 1)).astype("float32")),
                  nf.constant(random.randint(0, 10, 8))]


def recurrent():
    random = np.random.RandomState(0)
    variables = [nf.Variable(0.1 * random.standard_normal(shape).astype("float32"))
                 for shape in ((16, 32), (32, 32), (32,))]

    def loss_and_gradients(x, h):
        with nf.GradientTape() as tape:
            for i in range(50):
                h = nf.tanh(nf.matmul(x[i], variables[0]) + nf.matmul(h, variables[1]) + variables[2])
            loss = nf.reduce_mean(h * h)
        return loss, tape.gradient(loss, variables)
    return loss_and_gradients, [nf.constant(random.standard_normal((50, 8, 16)).astype("float32")),
                                nf.zeros([8, 32])]


def rosenbrock():
    def hessian_times(x, v):
        with nf.GradientTape() as outer:
            outer.watch(x)
            with nf.GradientTape() as tape:
                tape.watch(x)
                y = nf.reduce_sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
            along = nf.reduce_sum(tape.gradient(y, x) * v)
        return outer.gradient(along, x)
    values = np.random.RandomState(0).standard_normal((2, 1000))
    return hessian_times, [nf.constant(values[0]), nf.constant(values[1])]


def unrolled():
    def chain(x):
        y = x
        for _ in range(500):
            y = nf.tanh(y) * x
        return y
    return chain, [nf.constant([[0.1, 0.2], [0.3, 0.4]])]


WORKLOADS = {f.__name__: f for f in (gelu, gelu_gradient, linear_regression, perceptron, convolution,
                                     recurrent, rosenbrock, unrolled)}


class Workload:
    """What the benches of all workloads share."""

    params = tuple(WORKLOADS)
    param_names = ("workload",)

    def setup(self, workload):
        self.python, self.args = WORKLOADS[workload]()
        self.compiled = nf.function(self.python)
        self.compiled(*self.args)


class Trace(Workload):
    """Python once through the function, its variables made before: the graph, without a program."""

    def time_trace(self, workload):
        return nf.function(self.python).get_concrete_function(*self.args)


class Replay(Workload):
    """A call of what is compiled."""

    def time_call(self, workload):
        return self.compiled(*self.args)


class Plan(Workload):
    """Bytes of temporary memory in a call, as planned and as they would be without reuse."""

    unit = "bytes"

    def track_temporaries(self, workload):
        return self.compiled.memory(*self.args).temporaries

    def track_without_reuse(self, workload):
        return self.compiled.memory(*self.args).without_reuse


class FirstCall:
    """The first call in a fresh process: traced, rewritten and compiled, with all kernels on disk or none."""

    params, param_names = tuple(WORKLOADS), ("workload",)
    number, repeat, timeout = 1, 3, 300

    def setup(self, workload):
        exec(f"{self.before(workload)}; f(*args)", {})      # so that the cache holds the kernels

    def before(self, workload):
        return "\n".join([startup.IMPORT, "import numpy as np", inspect.getsource(WORKLOADS[workload]),
                          f"f, args = {workload}(); f = nf.function(f)"])

    def timeraw_cached(self, workload):
        return "f(*args)", self.before(workload)

    def timeraw_new(self, workload):
        return "f(*args)", f"{startup.NO_KERNELS}\n{self.before(workload)}"


class Overhead:
    """Calls of functions that have next to nothing to compute."""

    def setup(self):
        self.x = self.y = nf.constant([[1.0, 2.0], [3.0, 4.0]])
        self.v = nf.Variable(1.0)
        self.add = nf.function(lambda x, y: x + y)
        self.nested = nf.function(lambda pair, n: {"sum": pair["x"] + pair["y"], "n": n})
        self.count = nf.function(lambda: self.v.assign_add(1.0))
        for name in dir(self):
            if name.startswith("time_"):
                getattr(self, name)()

    def time_two_tensors(self):
        return self.add(self.x, self.y)

    def time_by_name(self):
        return self.add(self.x, y=self.y)

    def time_structures(self):
        return self.nested({"x": self.x, "y": self.y}, 3)

    def time_variable(self):
        return self.count()

    def time_under_tape(self):
        with nf.GradientTape() as tape:
            tape.watch(self.x)
            z = self.add(self.x, self.y)
        return tape.gradient(z, self.x)


class Profile:
    """Looking into a function of 1,000 ops."""

    def setup(self):
        self.chain = nf.function(lambda x: tape.chain(x, 1000))
        self.x = nf.constant([[0.1, 0.2], [0.3, 0.4]])
        self.time_graph_text()

    def time_graph_text(self):
        return self.chain.graph_text(self.x)

    def time_lower(self):
        return str(self.chain.lower(self.x))
