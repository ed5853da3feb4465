"""Monitor: one value of the logs, watched for getting better."""
import logging

_log = logging.getLogger("numbaflow")
_GROWING = ("acc", "auc", "precision", "recall", "top_k")


class Monitor:
    """The value called `name` in an epoch's logs, and which of two such values is better.

    Args:
        name: "val_loss", for example.
        mode: "min", "max", or "auto", which goes by the name: accuracies and their like grow, all else falls.
        min_delta: what it must get better by to count.
        owner: whose it is, for what it says.
    """

    def __init__(self, name, mode, min_delta=0.0, owner=""):
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{owner}: mode is 'auto', 'min' or 'max', got {mode!r}")
        self.name, self.owner, self.min_delta = name, owner, abs(min_delta)
        self.grows = mode == "max" or (mode == "auto" and any(word in name for word in _GROWING))

    @property
    def worst(self):
        """What every value is better than."""
        return -float("inf") if self.grows else float("inf")

    def value(self, logs):
        """The value in the logs; None, and a warning that names what is there, when it is not."""
        found = (logs or {}).get(self.name)
        if found is None:
            _log.warning("%s: there is no %r among the values of this epoch: %s", self.owner, self.name,
                         ", ".join(sorted(logs or {})) or "none")
        return found

    def better(self, value, best):
        """Whether a value is better than the best so far, by min_delta."""
        return value - self.min_delta > best if self.grows else value + self.min_delta < best
