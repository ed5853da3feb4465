"""Files that are replaced whole or not at all, however a process ends.

A file is written aside in the same folder, flushed to the disk and renamed, and then the folder is flushed.
Who writes holds a lock on the file aside; one that nobody holds was left by a killed process and may go.
"""
import contextlib
import os
import re
import secrets

try:
    import fcntl
except ImportError:                     # no POSIX: nothing is locked, and nothing left behind is removed
    fcntl = None  # type: ignore[assignment]

_ASIDE = re.compile(r"\..*\.[0-9a-f]{16}\.partial")


@contextlib.contextmanager
def replacing(path):
    """The path of a new, empty file to write, which takes the place of `path` when the block ends well.

    Raises:
        OSError: the disk is full, the folder can't be written, ...; then `path` is what it was.
    """
    folder, name = os.path.split(path)
    try:
        _make_folder(folder or ".")
        aside, handle = _locked_new(folder, name)
        try:
            yield aside
            _flush(aside)
            os.replace(aside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(aside)
            raise
        finally:
            os.close(handle)
        _flush(folder or ".")
    except OSError as error:
        raise OSError(error.errno, f"{path!r} can't be written, and is what it was before: {error.strerror}",
                      error.filename) from error


def _make_folder(folder):
    if not os.path.isdir(folder):
        above = os.path.dirname(folder) or "."
        _make_folder(above)
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        _flush(above)


def _locked_new(folder, name):
    """(path, descriptor) of a new file beside `name` with this process's lock on it."""
    while True:
        path = os.path.join(folder, f".{name[:150]}.{secrets.token_hex(8)}.partial")
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        if fcntl is None:
            return path, handle
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.exists(path):        # else it was taken for a left one before it was locked
            return path, handle
        os.close(handle)


def _flush(path):
    """What was written to a file, or the names in a folder, is on the disk afterwards."""
    if os.name == "nt" and os.path.isdir(path):
        return                          # Windows opens no folders
    handle = os.open(path, os.O_RDONLY if os.path.isdir(path) else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_left(folder):
    """Remove the files that killed processes left in a folder; those being written stay."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
        left = [entry.path for entry in entries if _ASIDE.fullmatch(entry.name)]
        for path in left:
            _remove_unlocked(path)


def _remove_unlocked(path):
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)      # BlockingIOError: somebody writes it
            os.unlink(path)
        finally:
            os.close(handle)
