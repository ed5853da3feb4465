"""What one eager op costs on tiny tensors, where all of it is dispatch."""
import numpy as np

import numbaflow as nf


class Dispatch:
    """One op each, with no tape."""

    def setup(self):
        self.a = nf.constant([[1.0, 2.0], [3.0, 4.0]])
        self.b = nf.constant([[5.0, 6.0], [7.0, 8.0]])
        self.v = nf.Variable([[1.0, 2.0], [3.0, 4.0]])
        self.array = np.ones((2, 2), np.float32)
        for name in dir(self):
            if name.startswith("time_"):
                getattr(self, name)()

    def time_multiply(self):
        return self.a * self.b

    def time_multiply_by_number(self):
        return self.a * 2.0

    def time_matmul(self):
        return self.a @ self.b

    def time_reduce_sum(self):
        return nf.reduce_sum(self.a)

    def time_getitem(self):
        return self.a[0]

    def time_reshape(self):
        return nf.reshape(self.a, (4,))

    def time_read_variable(self):
        return self.v.read_value()

    def time_constant_of_number(self):
        return nf.constant(1.0)

    def time_constant_of_array(self):
        return nf.constant(self.array)

    def time_numpy(self):
        return self.a.numpy()


class DispatchUnderTape:
    """One op that a tape records."""

    def setup(self):
        self.a = nf.constant([[1.0, 2.0], [3.0, 4.0]])
        self.time_multiply()

    def time_multiply(self):
        with nf.GradientTape() as tape:
            tape.watch(self.a)
            return self.a * self.a
