"""Input pipelines: what an element or a batch costs."""
import numpy as np

import numbaflow as nf

BATCHES = 100


def advance(iterator, count=BATCHES):
    """Take `count` elements and keep the last, as a training loop does."""
    for _ in range(count):
        element = next(iterator)
    return element


class ShuffledBatches:
    """100 batches of 32 of 60,000 x 784 float32 with labels, by what stands between source and batch."""

    params = ("shuffle all", "shuffle 1000", "shuffle, repeat, take", "prefetch", "no shuffle")

    def setup(self, kind):
        rng = np.random.default_rng(0)
        x, y = rng.random((60_000, 784), dtype="float32"), rng.integers(0, 10, 60_000)
        source = nf.data.Dataset.from_tensor_slices((x, y))
        pipelines = {
            "shuffle all": lambda: source.shuffle(60_000).repeat().batch(32),
            "shuffle 1000": lambda: source.shuffle(1000).repeat().batch(32),
            "shuffle, repeat, take": lambda: source.shuffle(60_000).repeat().take(10**9).batch(32),
            "prefetch": lambda: source.shuffle(60_000).repeat().batch(32).prefetch(2),
            "no shuffle": lambda: source.repeat().batch(32)}
        self.iterator = iter(pipelines[kind]())
        advance(self.iterator)

    def time_batches(self, kind):
        return advance(self.iterator)


class FirstBatch:
    """From the dataset to its first batch: a whole shuffle of 60,000 indices among it."""

    def setup(self):
        x = np.zeros((60_000, 28, 28), "uint8")
        self.dataset = nf.data.Dataset.from_tensor_slices(x).shuffle(60_000).batch(32)
        self.time_first()

    def time_first(self):
        return next(iter(self.dataset))


class Elements:
    """100 elements, one by one: rows of arrays, through a map, a shuffle, threads, from a generator."""

    params = ("rows", "map", "map, shuffle", "map, batch 32", "map in 2 threads", "map, prefetch",
              "generator")

    def setup(self, kind):
        arrays = (np.zeros((10_000, 64), "float32"), np.arange(10_000))
        pairs = nf.data.Dataset.from_tensor_slices(arrays).repeat()
        mapped = pairs.map(lambda x, y: (x, y))

        def generate():
            while True:
                yield 1.0
        pipelines = {
            "rows": pairs, "map": mapped, "map, shuffle": mapped.shuffle(1000),
            "map, batch 32": mapped.batch(32),
            "map in 2 threads": pairs.map(lambda x, y: (x, y), 2), "map, prefetch": mapped.prefetch(2),
            "generator": nf.data.Dataset.from_generator(generate, nf.float32)}
        self.iterator = iter(pipelines[kind])
        advance(self.iterator)

    def time_elements(self, kind):
        return advance(self.iterator)


class Position:
    """Saving and restoring the position of an iterator with 60,000 indices in its shuffle."""

    def setup(self):
        x = np.zeros((60_000, 4), "float32")
        self.iterator = iter(nf.data.Dataset.from_tensor_slices(x).shuffle(60_000).batch(32))
        next(self.iterator)
        self.saved = self.time_save()

    def time_save(self):
        return self.iterator._saved_values()

    def time_restore(self):
        self.iterator._restore_values(self.saved)


class Records:
    """A megabyte of TFRecords of 1 KB."""

    def setup(self):
        from numbaflow.kernels import crc32c
        self.data, self.check = bytes(1024), crc32c.masked
        self.check(self.data)

    def time_checksums(self):
        for _ in range(1024):
            self.check(self.data)
