"""TensorBoard: loss, metrics and weights of a training run, written for the TensorBoard program."""
import os

from numbaflow import summary

from .base import Callback


class TensorBoard(Callback):
    """Writes summaries of a run, of training to ``log_dir/train``, of validation to ``log_dir/validation``.

    Scalars are called "epoch_loss", "epoch_accuracy" and so on, by epoch, and "batch_loss", by batch;
    histograms of weights by the variables' names.  Look at them with ``tensorboard --logdir LOG_DIR``.

    Args:
        log_dir: the folder.
        histogram_freq: write histograms of all weights after every so many epochs; 0 for never.
        write_graph, batch_size, profile_batch: ignored.
        update_freq: "epoch", "batch", or after how many examples to write the values of a batch.
        write_grads, write_images, embeddings_freq and its like: not supported.

    Raises:
        ValueError: an unknown update_freq.
        NotImplementedError: what is not supported is asked for.
    """

    def __init__(self, log_dir="./logs", histogram_freq=0, batch_size=32, write_graph=True, write_grads=False,
                 write_images=False, embeddings_freq=0, embeddings_layer_names=None, embeddings_metadata=None,
                 embeddings_data=None, update_freq="epoch", profile_batch=2):
        for name, value in (("write_grads", write_grads), ("write_images", write_images),
                            ("embeddings_freq", embeddings_freq)):
            if value:
                raise NotImplementedError(f"TensorBoard: {name} is not supported")
        if update_freq not in ("epoch", "batch") and not (isinstance(update_freq, int) and update_freq > 0):
            raise ValueError("TensorBoard: update_freq is 'epoch', 'batch' or a number of examples, got "
                             f"{update_freq!r}")
        self.log_dir, self.histogram_freq = os.fspath(log_dir), histogram_freq
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._writers, self._seen, self._batches = {}, 0, 0

    def on_train_begin(self, logs=None):
        self._seen = self._batches = 0

    def _wants_batch(self, batch):
        return self.update_freq != "epoch"

    def on_batch_end(self, batch, logs=None):
        logs = logs or {}
        self._batches += 1
        self._seen += logs.get("size", 1)
        if self._seen >= self.update_freq:
            self._seen = 0
            values = {name: v for name, v in logs.items() if name not in ("batch", "size")}
            self._write("train", "batch_", values, self._batches - 1)

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        held = {name[4:]: v for name, v in logs.items() if name.startswith("val_")}
        self._write("train", "epoch_", {n: v for n, v in logs.items() if not n.startswith("val_")}, epoch)
        if held:
            self._write("validation", "epoch_", held, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            with self._writer("train").as_default(), summary.always_record_summaries():
                for variable in self.model.weights:
                    summary.histogram(variable.name, variable, step=epoch)
        for writer in self._writers.values():
            writer.flush()

    def _release(self):
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _writer(self, part):
        if part not in self._writers:
            self._writers[part] = summary.create_file_writer(os.path.join(self.log_dir, part))
        return self._writers[part]

    def _write(self, part, prefix, values, step):
        with self._writer(part).as_default(), summary.always_record_summaries():
            for name, value in values.items():
                summary.scalar(prefix + name, value, step=step)
