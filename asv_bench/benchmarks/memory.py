"""Memory over a training loop: how much at most, and that it does not grow."""
import gc
import tracemalloc

from . import training


def traced_memory():
    """Bytes in use, without what Python's free lists keep: a collection empties those."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


class Training:
    """Adam steps of a small net."""

    def setup(self):
        self.net = training.Perceptron()
        self.net.setup()

    def peakmem_500_steps(self):
        self.steps(500)

    def track_growth(self):
        """Bytes that 500 further steps have left behind."""
        self.steps(1100)                # Python 3.10 makes caches for a function at its 1024th call
        tracemalloc.start()
        self.steps(20)
        before = traced_memory()
        self.steps(500)
        after = traced_memory()
        tracemalloc.stop()
        return after - before
    track_growth.unit = "bytes"

    def steps(self, count):
        for _ in range(count):
            self.net.time_step()
