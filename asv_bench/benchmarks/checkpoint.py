"""Saving and restoring the state of training."""
import shutil
import tempfile

import numpy as np

import numbaflow as nf


class TenMegabytes:
    """A model of 10 MB, 20 variables of 128 K float32, in a checkpoint with its save counter."""

    def setup(self):
        self.folder = tempfile.mkdtemp()
        rng = np.random.default_rng(0)
        values = [rng.standard_normal((256, 512)).astype("float32") for _ in range(20)]
        self.root = nf.train.Checkpoint(model=[nf.Variable(v) for v in values])
        self.path = self.root.write(self.folder + "/kept")
        self.time_restore()

    def teardown(self):
        shutil.rmtree(self.folder)

    def time_save(self):
        """Until it is on the disk."""
        return self.root.save(self.folder + "/ckpt")

    def time_restore(self):
        """From the page cache, every byte checked."""
        return self.root.restore(self.path)

    def time_read_one(self):
        return nf.train.load_variable(self.path, "model/7/.ATTRIBUTES/VARIABLE_VALUE")


class ManyVariables:
    """A thousand small variables with the two slots of Adam each."""

    def setup(self):
        self.folder = tempfile.mkdtemp()
        variables = [nf.Variable(np.ones(4, np.float32)) for _ in range(1000)]
        adam = nf.train.AdamOptimizer()
        adam.apply_gradients([(v.value(), v) for v in variables])
        self.root = nf.train.Checkpoint(model=variables, optimizer=adam)
        self.path = self.root.write(self.folder + "/kept")
        self.time_restore()

    def teardown(self):
        shutil.rmtree(self.folder)

    def time_write(self):
        return self.root.write(self.folder + "/ckpt")

    def time_restore(self):
        return self.root.restore(self.path)
