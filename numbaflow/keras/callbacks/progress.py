"""ProgbarLogger: how far training has come, as a bar on a terminal and as one line an epoch elsewhere.

Drawing is for the eye: at most ten times a second, whatever the number of batches.
"""
import shutil
import sys
import time

from .base import Callback

_INTERVAL = 0.1                     # seconds between two drawings
# a short bar: loss and metrics are what a line is for
_BAR = "{desc}: {percentage:3.0f}%|{bar:12}| {n_fmt}/{total_fmt} {elapsed}<{remaining}{postfix}"
_COUNTED = "{desc}: {n_fmt} {elapsed}{postfix}"


def values_text(logs):
    """Loss and metrics as they are shown."""
    shown = {name: value for name, value in (logs or {}).items() if name not in ("batch", "size")}
    return " - ".join(f"{name}: {value:.4f}" if abs(value) > 1e-3 or not value else f"{name}: {value:.4e}"
                      for name, value in shown.items())


def is_live():
    """Whether stderr is looked at by a person: a terminal or a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class ProgbarLogger(Callback):
    """Shows loss and metrics: a bar for each epoch, or one line where stderr is no terminal.

    Args:
        count_mode: what the bar counts, "steps" or "samples".
        stateful_metrics: ignored; all metrics show their value so far.

    `Model.fit` adds one for ``verbose=1``; for ``verbose=2`` it prints the lines only.
    """

    _wants_means = True

    def __init__(self, count_mode="steps", stateful_metrics=None):
        if count_mode not in ("steps", "samples"):
            raise ValueError(f"ProgbarLogger: count_mode is 'steps' or 'samples', got {count_mode!r}")
        self.count_mode = count_mode
        self._bar, self._drawn, self._outer = None, 0.0, None

    # ---- training
    def on_train_begin(self, logs=None):
        self._outer = "train"

    def on_epoch_begin(self, epoch, logs=None):
        self._title = f"Epoch {epoch + 1}/{self.params['epochs']}"
        self._started = time.perf_counter()
        self._open(self._title)

    def on_batch_end(self, batch, logs=None):
        self._draw(batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._close(self._title, logs)

    def on_train_end(self, logs=None):
        self._outer = None

    # ---- evaluation and prediction by themselves
    def on_test_begin(self, logs=None):
        self._begin("Evaluation")

    def on_test_batch_end(self, batch, logs=None):      # (in validation the bar of training stands still)
        if self._outer is None:
            self._draw(batch, logs)
        self._drawn = time.perf_counter()

    def on_test_end(self, logs=None):
        self._end("Evaluation", logs)

    def on_predict_begin(self, logs=None):
        self._begin("Prediction")

    def on_predict_batch_end(self, batch, logs=None):
        self._draw(batch, logs)

    def on_predict_end(self, logs=None):
        self._end("Prediction", logs)

    def _begin(self, title):
        if self._outer is None:
            self._started = time.perf_counter()
            self._open(title)

    def _end(self, title, logs):
        if self._outer is None:
            self._close(title, logs)

    # ---- the bar
    def _wants_batch(self, batch):
        """Whether it is time to draw again."""
        return self._bar is not None and time.perf_counter() - self._drawn > _INTERVAL

    def _total(self):
        return self.params.get("steps" if self.count_mode == "steps" else "samples")

    def _open(self, title):
        if self.params.get("verbose", 1) == 1 and is_live():
            from tqdm import tqdm
            width, height = shutil.get_terminal_size()
            self._bar = tqdm(total=self._total(), desc=title, mininterval=0, miniters=1, ncols=width,
                             nrows=height,
                             bar_format=_COUNTED if self._total() is None else _BAR)
        self._drawn = time.perf_counter()

    def _draw(self, batch, logs):
        if self._bar is None:
            return
        done, total = batch + 1, self._total()
        if self.count_mode == "samples":
            done *= self.params.get("batch_size") or 1
        self._bar.set_postfix_str(values_text(logs), refresh=False)
        self._bar.update((done if total is None else min(done, total)) - self._bar.n)
        self._drawn = time.perf_counter()

    def _close(self, title, logs):
        if self._bar is None:
            seconds = f"{time.perf_counter() - self._started:.1f}s"
            print(" - ".join(part for part in (title, seconds, values_text(logs)) if part))
            return
        self._bar.set_postfix_str(values_text(logs), refresh=False)
        self._bar.n = self._bar.n if self._total() is None else self._total()
        self._bar.ncols = None          # the last line may be longer than the terminal is wide
        self._release()

    def _release(self):
        if self._bar is not None:
            self._bar.close()
            self._bar = None
