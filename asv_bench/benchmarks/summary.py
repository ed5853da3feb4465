"""What a summary costs, recorded or not."""
import shutil
import tempfile
import weakref

import numpy as np

import numbaflow as nf


class Summary:
    """One summary in a training step, by whether recording is on."""

    params = (["off", "on"],)
    param_names = ("recording",)

    def setup(self, recording):
        folder = tempfile.mkdtemp()
        weakref.finalize(self, shutil.rmtree, folder)
        self.writer = nf.summary.create_file_writer(folder)
        self.n = 1 if recording == "on" else 1000
        self.step = nf.constant(1)
        self.recording = (nf.summary.always_record_summaries if recording == "on"
                          else nf.summary.never_record_summaries)
        rng = np.random.default_rng(0)
        self.loss = nf.constant(0.5)
        self.weights = nf.constant(rng.standard_normal((784, 128)).astype("float32"))
        self.images = nf.constant(rng.uniform(size=(3, 28, 28, 1)).astype("float32"))
        self.writer.set_as_default()
        for name in dir(self):
            if name.startswith("time_"):
                getattr(self, name)(recording)

    def teardown(self, recording):
        self.writer.close()

    def time_scalar(self, recording):
        with self.recording():
            nf.summary.scalar("loss", self.loss)

    def time_scalar_every_n_steps(self, recording):
        with nf.summary.record_summaries_every_n_global_steps(self.n, self.step):
            nf.summary.scalar("loss", self.loss)

    def time_histogram(self, recording):
        with self.recording():
            nf.summary.histogram("weights", self.weights)

    def time_image(self, recording):
        with self.recording():
            nf.summary.image("images", self.images)
