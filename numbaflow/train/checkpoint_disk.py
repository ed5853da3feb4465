"""Files that are replaced whole or not at all, however a process ends.

A file is written aside in the same folder, flushed to the disk and renamed, and then the folder is flushed.
Who writes holds a lock on the file aside; one that nobody holds was left by a killed process and may go.
"""
import contextlib
import io
import os
import re
import secrets

try:
    import fcntl
except ImportError:                     # no POSIX: nothing is locked, and nothing left behind is removed
    fcntl = None  # type: ignore[assignment]

_ASIDE = re.compile(r"\.numbaflow-[0-9a-f]{16}\.partial")


@contextlib.contextmanager
def replacing(path):
    """A new, empty file to write to, which takes the place of `path` when the block ends well.

    Raises:
        OSError: the disk is full, the folder can't be written, ...; then `path` is what it was.
    """
    folder = os.path.dirname(path)
    try:
        _make_folder(folder or ".")
        with _locked_new(folder) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, path)
            except BaseException:
                _remove(file.name)
                raise
        _flush_folder(folder or ".")
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}: {path!r} can't be written, and is what it was before",
                      error.filename) from error


def _make_folder(folder):
    if not os.path.exists(folder):
        above = os.path.dirname(folder) or "."
        _make_folder(above)
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        _flush_folder(above)


def _locked_new(folder):
    """A new file, open to be written, with this process's lock on it."""
    while True:
        path = os.path.join(folder, f".numbaflow-{secrets.token_hex(8)}.partial")
        file = io.BufferedWriter(io.FileIO(path, "x"))
        if fcntl is None:
            return file
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.path.exists(path):       # else it was taken for a left one before it was locked
            return file
        file.close()


def _flush_folder(folder):
    """The names in a folder are on the disk afterwards."""
    if os.name != "nt":                     # Windows opens no folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_left(folder):
    """Remove the files that killed processes left in a folder; those being written stay."""
    if fcntl is None or not os.path.isdir(folder or "."):
        return
    with os.scandir(folder or ".") as entries:
        left = [entry.path for entry in entries if _ASIDE.fullmatch(entry.name)]
    for path in left:
        with contextlib.suppress(OSError), open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)    # an error if somebody writes it
            _remove(path)


def _remove(path):
    with contextlib.suppress(OSError):
        os.unlink(path)
