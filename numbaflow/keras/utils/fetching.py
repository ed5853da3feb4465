"""Files fetched over the network once and kept.

What comes is written aside and gets its name only when it is whole and its checksum is right; so a file under
its name is never a part of one.
"""
import contextlib
import hashlib
import http.client
import os
import shutil
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from numbaflow.core.errors import DataLossError, UnavailableError

_CHUNK = 1 << 20
_TIMEOUT = 60.0                             # seconds without a byte


def cache_folder(cache_dir=None):
    """Where fetched files are kept: `cache_dir`, or $KERAS_HOME, or ~/.keras."""
    return Path(cache_dir or os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser()


def get_file(fname, origin, untar=False, md5_hash=None, file_hash=None, cache_subdir="datasets",
             hash_algorithm="auto", extract=False, archive_format="auto", cache_dir=None):
    """The path of a file that is kept, downloaded first if it is not there yet.

    Args:
        fname: its name in the folder of kept files, or a full path.
        origin: the URL it is downloaded from.
        untar: take it for an archive ``<fname>.tar.gz`` and return the path of the folder ``<fname>`` in it.
        md5_hash, file_hash: the checksum of what is downloaded, in hexadecimal digits.  A file that is there
            already is taken as it is.
        cache_subdir: the folder below `cache_dir`.
        hash_algorithm: "md5", "sha256" or "auto", which goes by the number of digits.
        extract: unpack the file, a tar or zip archive, in the folder it is kept in.
        archive_format: "auto", "tar", "zip", or a list of these; which kinds of archive to try.
        cache_dir: by default the environment variable KERAS_HOME, or else ~/.keras.

    Returns:
        The path, a string.

    Raises:
        UnavailableError (a ConnectionError): it is not there and can't be downloaded.
        DataLossError (an OSError): a connection cut short, or a wrong checksum; nothing is kept.
    """
    folder = cache_folder(cache_dir) / cache_subdir
    path = folder / (f"{fname}.tar.gz" if untar else fname)
    if untar and (folder / fname).exists():
        return str(folder / fname)
    if not path.exists():
        download(origin, path, file_hash or md5_hash, hash_algorithm)
    if untar or extract:
        _unpack(path, path.parent, archive_format)
    return str(folder / fname if untar else path)


def download(origin, path, checksum=None, algorithm="auto"):
    """Fetch a URL into a new file at `path`, which is there only if all came and the checksum agrees."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    digest = hashlib.new(_algorithm(checksum, algorithm))
    try:
        with os.fdopen(handle, "wb") as file:
            _receive(origin, path, file, digest)
        if checksum and digest.hexdigest() != checksum.lower():
            raise DataLossError(f"{origin}: the checksum of what was downloaded is {digest.hexdigest()}, "
                                f"expected {checksum} ({digest.name}); it was not kept")
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        raise


def _algorithm(checksum, name):
    if name == "auto":
        name = "sha256" if checksum is None or len(checksum) == 64 else "md5"
    if name not in ("md5", "sha256"):
        raise ValueError(f"hash_algorithm is 'auto', 'md5' or 'sha256', got {name!r}")
    return name


def _receive(origin, path, file, digest):
    """Copy what a URL gives into a file and a digest."""
    try:
        with urllib.request.urlopen(origin, timeout=_TIMEOUT) as answer:
            expected = int(answer.headers.get("Content-Length") or -1)
            received = _copy(answer, file, digest, expected, path.name)
    except http.client.IncompleteRead as error:
        raise DataLossError(f"{origin}: the connection was cut ({error}); nothing was kept") from error
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise UnavailableError(
            f"{path.name} is not at {path} and could not be downloaded from {origin}: {reason}. Without a "
            "network put a copy of the file at that path, or give load_data the path of yours.") from error
    if expected >= 0 and received != expected:
        raise DataLossError(f"{origin}: the connection was cut after {received} of {expected} bytes; nothing "
                            "was kept")


def _copy(answer, file, digest, expected, name):
    from tqdm import tqdm
    received = 0
    with tqdm(total=expected if expected >= 0 else None, desc=name, unit="B", unit_scale=True,
              disable=not sys.stderr.isatty()) as bar:
        while chunk := answer.read(_CHUNK):
            file.write(chunk)
            digest.update(chunk)
            received += len(chunk)
            bar.update(len(chunk))
    return received


def _unpack(path, folder, formats):
    """Unpack an archive; members that would land outside the folder are refused."""
    if isinstance(formats, str):
        formats = ("tar", "zip") if formats == "auto" else (formats,)
    if "tar" in formats and tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
    elif "zip" in formats and zipfile.is_zipfile(path):
        shutil.unpack_archive(path, folder, "zip")
    else:
        raise ValueError(f"get_file: {path} is no archive of {' or '.join(formats)}")
