"""The state file of a folder of checkpoints, named `checkpoint`: which is the latest and which are kept.

It is text in the format of TensorFlow's, paths relative to the folder.
"""
import logging
import os
import re
import time
from dataclasses import dataclass, field, replace

from .checkpoint_disk import replacing
from .checkpoint_file import file_of

_log = logging.getLogger("numbaflow")
_LINE = re.compile(r'\s*(\w+)\s*:\s*(?:"((?:[^"\\]|\\.)*)"|([-+.\w]+))\s*')
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)")
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


@dataclass(frozen=True)
class CheckpointState:
    """What a state file says; paths, and seconds since 1970.

    Made by ``nf.train.get_checkpoint_state``.
    """

    model_checkpoint_path: str = ""
    all_model_checkpoint_paths: list = field(default_factory=list)
    all_model_checkpoint_timestamps: list = field(default_factory=list)
    last_preserved_timestamp: float = 0.0

    def __str__(self):
        lines = [f"model_checkpoint_path: {_quoted(self.model_checkpoint_path)}",
                 *(f"all_model_checkpoint_paths: {_quoted(p)}" for p in self.all_model_checkpoint_paths),
                 *(f"all_model_checkpoint_timestamps: {t!r}" for t in self.all_model_checkpoint_timestamps)]
        if self.last_preserved_timestamp:
            lines.append(f"last_preserved_timestamp: {self.last_preserved_timestamp!r}")
        return "\n".join(lines) + "\n"


def _quoted(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _unquoted(text):
    plain = _ESCAPE.sub(_unescaped, text.encode("utf-8", "surrogateescape"))
    return plain.decode("utf-8", "surrogateescape")


def _unescaped(match):
    code = match[1]
    return bytes([int(code, 8) & 255]) if code[:1].isdigit() else _PLAIN.get(code, code)


# ---- writing
def update_checkpoint_state(save_dir, model_checkpoint_path, all_model_checkpoint_paths=None,
                            latest_filename=None, all_model_checkpoint_timestamps=None,
                            last_preserved_timestamp=None):
    """Write the state file of a folder.

    Args:
        save_dir: the folder.
        model_checkpoint_path: the latest checkpoint.
        all_model_checkpoint_paths: all that are kept, oldest first; the latest is added if it is not there.
        latest_filename: the state file's name, ``"checkpoint"`` by default.
        all_model_checkpoint_timestamps: when each was saved, in seconds since 1970.
        last_preserved_timestamp: when the latest of those that stay for good was saved.

    Absolute paths are kept; relative ones are made relative to the folder unless that is absolute.

    Raises:
        ValueError: timestamps whose number is not that of the paths.
        OSError: the file can't be written; it is what it was then.
    """
    folder = os.fspath(save_dir)

    def kept(path):
        path = os.fspath(path)
        return path if os.path.isabs(path) or os.path.isabs(folder) else os.path.relpath(path, folder)

    _write_state(folder, latest_filename, kept(model_checkpoint_path),
                 [kept(p) for p in all_model_checkpoint_paths or ()], all_model_checkpoint_timestamps,
                 last_preserved_timestamp)


def record_state(folder, latest, paths, timestamps=None, last_preserved=None):
    """Write the state file of a folder with all paths relative to it."""
    start = folder or "."
    _write_state(folder, None, os.path.relpath(latest, start), [os.path.relpath(p, start) for p in paths],
                 timestamps, last_preserved)


def _write_state(folder, filename, latest, paths, timestamps, last_preserved):
    timestamps = list(timestamps or ())
    if timestamps and len(timestamps) != len(paths):
        raise ValueError("Checkpoint timestamps, if provided, must match checkpoint paths (got paths "
                         f"{paths} and timestamps {timestamps})")
    if latest not in paths:
        paths = [*paths, latest]
        timestamps = [*timestamps, time.time()] if timestamps else []
    text = str(CheckpointState(latest, paths, timestamps, last_preserved or 0.0))
    with replacing(os.path.join(folder, filename or "checkpoint")) as file:
        file.write(text.encode("utf-8", "surrogateescape"))


# ---- reading
def get_checkpoint_state(checkpoint_dir, latest_filename=None):
    """The CheckpointState of a folder, paths joined with the folder; None if there is none that can be read.

    Args:
        checkpoint_dir: the folder.
        latest_filename: the state file's name, ``"checkpoint"`` by default.

    >>> import numbaflow as nf, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> nf.train.update_checkpoint_state(folder, "model-2", ["model-1", "model-2"])
    >>> state = nf.train.get_checkpoint_state(folder)
    >>> print(str(state).replace(folder + "/", ""), end="")
    model_checkpoint_path: "model-2"
    all_model_checkpoint_paths: "model-1"
    all_model_checkpoint_paths: "model-2"
    """
    folder = os.fspath(checkpoint_dir)
    path = os.path.join(folder, latest_filename or "checkpoint")
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            state = _parsed(file.read())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        _log.warning("%s: checkpoint ignored: %s", path, error)
        return None
    return replace(state, model_checkpoint_path=os.path.join(folder, state.model_checkpoint_path),
                   all_model_checkpoint_paths=[os.path.join(folder, p)
                                               for p in state.all_model_checkpoint_paths])


def _parsed(text):
    found = {}
    for number, line in enumerate(filter(str.strip, text.split("\n")), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not a field: {line[:80]!r}")
        name, quoted, plain = match.groups()
        found.setdefault(name, []).append(float(plain) if quoted is None else _unquoted(quoted))
    latest = found.get("model_checkpoint_path", [""])[-1]
    if not latest:
        raise ValueError("no model_checkpoint_path")
    return CheckpointState(latest, found.get("all_model_checkpoint_paths", []),
                           found.get("all_model_checkpoint_timestamps", []),
                           found.get("last_preserved_timestamp", [0.0])[-1])


def latest_checkpoint(checkpoint_dir, latest_filename=None):
    """The path of a folder's latest checkpoint, for `restore`; None if there is none.

    Args:
        checkpoint_dir: the folder.
        latest_filename: the state file's name, ``"checkpoint"`` by default.

    >>> import numbaflow as nf
    >>> nf.train.latest_checkpoint("./no such folder") is None
    True
    """
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None:
        return None
    if not checkpoint_exists(state.model_checkpoint_path):
        _log.error("Couldn't match files for checkpoint %s", state.model_checkpoint_path)
        return None
    return state.model_checkpoint_path


def checkpoint_exists(checkpoint_prefix):
    """Whether there is a checkpoint of that path, such as ``"./ckpt/-1"``."""
    return os.path.isfile(file_of(checkpoint_prefix))
