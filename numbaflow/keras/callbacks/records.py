"""What is kept of a training run: History in memory, CSVLogger in a file."""
import csv
import os

from .base import Callback


class History(Callback):
    """The values of all epochs; `Model.fit` returns one.

    Attributes:
        epoch: the numbers of the epochs.
        history: for each name in the logs the list of its values.
    """

    def __init__(self):
        self.epoch, self.history = [], {}

    def on_train_begin(self, logs=None):
        self.epoch, self.history = [], {}

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class CSVLogger(Callback):
    """Writes the values of each epoch as a line of a table.

    Args:
        filename: the file; its columns are "epoch" and the names of the values, sorted.
        separator: what stands between columns.
        append: go on with a file that is there, by its columns, instead of replacing it.

    A value that an epoch lacks is written as NA.  Each line is in the file when its epoch ends.

    Raises:
        ValueError: an epoch has values that the file has no column for.
    """

    def __init__(self, filename, separator=",", append=False):
        self.filename, self.separator, self.append = os.fspath(filename), separator, append
        self._columns = None

    def on_train_begin(self, logs=None):
        self._columns = None
        if self.append and os.path.exists(self.filename):
            with open(self.filename, newline="") as file:
                self._columns = next(csv.reader(file, delimiter=self.separator), None)
        else:
            open(self.filename, "w").close()

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch, **(logs or {})}
        with open(self.filename, "a", newline="") as file:
            writer = csv.DictWriter(file, self._columns or ["epoch", *sorted(logs or {})], "NA",
                                    delimiter=self.separator)
            unknown = set(row) - set(writer.fieldnames)
            if unknown:
                raise ValueError(f"CSVLogger: no column for {', '.join(sorted(unknown))} in {self.filename}, "
                                 f"which has {', '.join(writer.fieldnames)}")
            if not self._columns:
                self._columns = writer.fieldnames
                writer.writeheader()
            writer.writerow(row)
