"""CheckpointManager: keeps the latest few checkpoints of a folder and deletes older ones of its own."""
import contextlib
import logging
import os
import time

from .checkpoint_disk import remove_left
from .checkpoint_file import file_of
from .checkpoint_state import checkpoint_exists, get_checkpoint_state, record_state
from .global_step import global_step

_log = logging.getLogger("numbaflow")


class CheckpointManager:
    """Saves a checkpoint under running numbers in a folder and keeps the latest few.

    Args:
        checkpoint: an ``nf.train.Checkpoint``.
        directory: the folder.
        max_to_keep: how many to keep; older ones are deleted after a save.  None keeps all.
        keep_checkpoint_every_n_hours: of those that would be deleted, keep one for good each so many hours.
        checkpoint_name: the files are ``<directory>/<checkpoint_name>-<number>.safetensors``.

    What is kept is recorded in the folder's file `checkpoint`, so that a later manager goes on where this one
    stopped.  Checkpoints that no manager made are never deleted.

    Raises:
        ValueError: max_to_keep is not positive.

    >>> import numbaflow as nf, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> manager = nf.train.CheckpointManager(nf.train.Checkpoint(x=nf.Variable(1.0)), folder, max_to_keep=2)
    >>> for _ in range(3):
    ...     _ = manager.save()
    >>> [path.removeprefix(folder) for path in manager.checkpoints]
    ['/ckpt-2', '/ckpt-3']
    """

    def __init__(self, checkpoint, directory, max_to_keep, keep_checkpoint_every_n_hours=None,
                 checkpoint_name="ckpt"):
        if max_to_keep is not None and max_to_keep <= 0:
            raise ValueError("Expected a positive integer or `None` for `max_to_max_to_keep`, got "
                             f"{max_to_keep}.")
        self._checkpoint, self._directory = checkpoint, os.fspath(directory)
        self._max_to_keep, self._every_n_hours = max_to_keep, keep_checkpoint_every_n_hours
        self._prefix = os.path.join(self._directory, checkpoint_name)
        self._kept = {}                 # path -> when it was saved, oldest first; these may be deleted
        self._latest, self._last_preserved = None, time.time() - 1.0     # so that a quick save is later
        self._take_over(get_checkpoint_state(self._directory))
        remove_left(self._directory)

    def _take_over(self, state):
        """Go on from what an earlier manager recorded."""
        if state is None:
            return
        now = time.time()
        self._latest, self._last_preserved = state.model_checkpoint_path, state.last_preserved_timestamp
        if self._last_preserved > now:
            _log.warning("the clock went back: %s has a checkpoint of %.0f, and it is %.0f now",
                         self._directory, self._last_preserved, now)
            self._last_preserved = now
        # a state without times is not a manager's, and its checkpoints are not for this one to delete
        for path, then in zip(state.all_model_checkpoint_paths, state.all_model_checkpoint_timestamps,
                              strict=False):
            if min(then, now) > self._last_preserved and checkpoint_exists(path):
                self._kept[path] = min(then, now)

    @property
    def latest_checkpoint(self):
        """The path of the latest checkpoint, for `restore`; None if there is none."""
        return self._latest

    @property
    def checkpoints(self):
        """The paths of the checkpoints that are kept, oldest first."""
        return list(self._kept)

    def save(self, checkpoint_number=None):
        """Save, delete what is too old, and return the path.

        Args:
            checkpoint_number: the number, an int or an integer variable; by default the checkpoint's
                save_counter after adding 1 to it.

        Raises:
            OSError: a file that can't be written.  Nothing that was saved before is lost by that.
        """
        counter = self._checkpoint.save_counter
        counter.assign_add(1)
        try:
            number = global_step(None, counter if checkpoint_number is None else checkpoint_number)
            path = self._checkpoint.write(f"{self._prefix}-{number}")
        except BaseException:
            counter.assign_sub(1)
            raise
        self._kept.pop(path, None)      # one that is written over goes to the end
        self._kept[path] = time.time()
        self._latest = path
        self._record()          # old ones as well: if it ends here, a later manager deletes them
        if self._max_to_keep and len(self._kept) > self._max_to_keep:
            self._delete_oldest()
            self._record()
        return path

    def _delete_oldest(self):
        while len(self._kept) > self._max_to_keep:
            path = next(iter(self._kept))
            then = self._kept.pop(path)
            if self._every_n_hours and then - self._every_n_hours * 3600.0 >= self._last_preserved:
                self._last_preserved = then
            else:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(file_of(path))

    def _record(self):
        record_state(self._directory, self._latest, self._kept, self._kept.values(), self._last_preserved)
