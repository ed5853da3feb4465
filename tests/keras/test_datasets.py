"""Data sets are read from users' own files as they are, and downloads are whole or not there."""
import gzip
import hashlib
import http.server
import io
import os
import pickle
import socket
import struct
import sys
import tarfile
import threading

import numpy as np
import pytest

from numbaflow.core.errors import DataLossError, UnavailableError
from numbaflow.keras.datasets import cifar10, digits, fashion_mnist, mnist
from numbaflow.keras.utils import get_file

PARTS = ("x_train", "y_train", "x_test", "y_test")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def server():
    """A web server on this machine: `files` are its pages, `cut` those it breaks off half way.

    `unsized` ones don't say their length, `chunked` ones come in chunks.
    """
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rsplit("/", 1)[-1]
            made.asked.append(name)
            if name not in made.files:
                self.send_error(404)
                return
            content = made.files[name]
            self.send_response(200)
            if name in made.chunked:
                self.send_header("Transfer-Encoding", "chunked")
                content = b"%x\r\n" % len(content) + content
            elif name not in made.unsized:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:len(content) // 2] if name in made.cut else content)

        def log_message(self, *args):
            pass

    made = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    made.files, made.cut, made.unsized, made.chunked, made.asked = {}, set(), set(), set(), []
    made.url = f"http://127.0.0.1:{made.server_port}/"
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def images(seed, n=3):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 28, 28), np.uint8), rng.integers(0, 10, n).astype(np.uint8)


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def small_mnist():
    (x, y), (u, v) = images(0), images(1, 2)
    return dict(zip(PARTS, (x, y, u, v), strict=True))


def md5(content):
    return hashlib.md5(content).hexdigest()


def check(loaded, arrays):
    (a, b), (c, d) = loaded
    for found, name in zip((a, b, c, d), PARTS, strict=True):
        assert found.dtype == arrays[name].dtype
        np.testing.assert_array_equal(found, arrays[name])


# ---- mnist
def test_mnist_reads_a_file_that_is_there_without_checking_it(tmp_path):
    arrays = small_mnist()
    (tmp_path / "own.npz").write_bytes(npz(**arrays))
    check(mnist.load_data(str(tmp_path / "own.npz")), arrays)
    check(mnist.load_data(tmp_path / "own.npz"), arrays)


def serve_mnist(server, monkeypatch, checksum=None):
    arrays = small_mnist()
    content = server.files["mnist.npz"] = npz(**arrays)
    monkeypatch.setattr(mnist, "_URL", server.url + "mnist.npz")
    monkeypatch.setattr(mnist, "_SHA256", checksum or hashlib.sha256(content).hexdigest())
    return arrays


def test_mnist_is_downloaded_once(server, home, monkeypatch):
    arrays = serve_mnist(server, monkeypatch)
    check(mnist.load_data(), arrays)
    check(mnist.load_data(), arrays)
    assert server.asked == ["mnist.npz"]
    assert os.listdir(home / "datasets") == ["mnist.npz"]


def test_a_full_path_that_is_not_there_is_where_the_download_goes(server, tmp_path, monkeypatch):
    arrays = serve_mnist(server, monkeypatch)
    check(mnist.load_data(str(tmp_path / "deep" / "digits.npz")), arrays)
    assert os.listdir(tmp_path / "deep") == ["digits.npz"]


def test_a_wrong_checksum_keeps_nothing(server, home, monkeypatch):
    serve_mnist(server, monkeypatch, checksum="0" * 64)
    with pytest.raises(DataLossError, match=r"checksum of what was downloaded .*expected 0{64} \(sha256\)"):
        mnist.load_data()
    assert os.listdir(home / "datasets") == []


@pytest.mark.parametrize(("way", "message"), [
    ("sized", "connection was cut after"), ("unsized", "checksum"), ("chunked", "connection was cut")])
def test_a_cut_connection_keeps_nothing(server, home, monkeypatch, way, message):
    serve_mnist(server, monkeypatch)
    server.cut.add("mnist.npz")
    if way != "sized":
        getattr(server, way).add("mnist.npz")
    with pytest.raises(DataLossError, match=message):
        mnist.load_data()
    assert os.listdir(home / "datasets") == []
    server.cut.clear()
    server.chunked.clear()
    mnist.load_data()


def test_offline_says_the_url_the_path_and_the_way_out(home, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/mnist.npz"
    monkeypatch.setattr(mnist, "_URL", url)
    with pytest.raises(UnavailableError) as caught:
        mnist.load_data()
    message = str(caught.value)
    assert url in message
    assert str(home / "datasets" / "mnist.npz") in message
    assert "refused" in message
    assert "put a copy" in message
    assert isinstance(caught.value, ConnectionError)
    assert os.listdir(home / "datasets") == []


def test_a_missing_page_is_an_error_and_not_a_file(server, home, monkeypatch):
    monkeypatch.setattr(mnist, "_URL", server.url + "gone.npz")
    with pytest.raises(UnavailableError, match="Not Found"):
        mnist.load_data()
    assert os.listdir(home / "datasets") == []


@pytest.mark.parametrize("content", [
    b"", b"not a zip file", npz(x_train=np.zeros(3)), npz(**{p: np.array([{}, []], object) for p in PARTS}),
    npz(**small_mnist())[:-40]])
def test_what_is_no_mnist_file_is_refused_by_name(tmp_path, content):
    (tmp_path / "own.npz").write_bytes(content)
    with pytest.raises(DataLossError, match=r"own\.npz"):
        mnist.load_data(str(tmp_path / "own.npz"))


# ---- fashion_mnist
def idx(array):
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(head + array.tobytes())


def small_fashion():
    arrays = small_mnist()
    return arrays, dict(zip(fashion_mnist._MD5, [idx(arrays[p]) for p in PARTS], strict=True))


def test_fashion_mnist_reads_a_folder_of_four_files(tmp_path):
    arrays, files = small_fashion()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    check(fashion_mnist.load_data(str(tmp_path)), arrays)


def test_fashion_mnist_is_downloaded_once(server, home, monkeypatch):
    arrays, server.files = small_fashion()
    monkeypatch.setattr(fashion_mnist, "_URL", server.url)
    monkeypatch.setattr(fashion_mnist, "_MD5", {name: md5(c) for name, c in server.files.items()})
    check(fashion_mnist.load_data(), arrays)
    check(fashion_mnist.load_data(), arrays)
    assert sorted(server.asked) == sorted(server.files)
    assert sorted(os.listdir(home / "datasets" / "fashion-mnist")) == sorted(server.files)


@pytest.mark.parametrize(("change", "message"), [
    (lambda c: c[:-9], "no whole gzip file"),
    (lambda c: b"plain", "no whole gzip file"),
    (lambda c: gzip.compress(gzip.decompress(c)[:-1]), "holds .* bytes for an array"),
    (lambda c: gzip.compress(b"\0\0\x0d" + gzip.decompress(c)[3:]), "does not begin"),
    (lambda c: gzip.compress(b"\0\0\x08\x03\0"), "does not begin"),
    (lambda c: gzip.compress(b""), "does not begin")])
def test_what_is_no_file_of_fashion_mnist_is_refused_by_name(tmp_path, change, message):
    _, files = small_fashion()
    for name, content in files.items():
        (tmp_path / name).write_bytes(change(content) if name.startswith("t10k-images") else content)
    with pytest.raises(DataLossError, match=f"t10k-images.*{message}"):
        fashion_mnist.load_data(str(tmp_path))


# ---- cifar10
def python2_batch(data, labels):
    """A batch as Python 2 pickled it: text as bytes, arrays by NumPy's names of then."""
    def text(s):
        return b"U" + bytes([len(s)]) + s

    def word(n):
        return b"J" + struct.pack("<i", n)

    kind = (b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNN"
            + word(-1) + word(-1) + b"K\x00tb")
    raw = data.tobytes()
    array = (b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R(K\x01"
             + word(data.shape[0]) + word(data.shape[1]) + b"\x86" + kind + b"\x89T"
             + struct.pack("<I", len(raw)) + raw + b"tb")
    numbers = b"](" + b"".join(word(int(n)) for n in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + numbers + b"u."


def python3_batch(data, labels):
    return pickle.dumps({b"data": data, b"labels": labels.tolist()}, protocol=2)


def small_cifar(write=python3_batch):
    rng = np.random.default_rng(0)
    batches = {name: (rng.integers(0, 256, (2, 3072), np.uint8), rng.integers(0, 10, 2))
               for name in [*cifar10._TRAIN, *cifar10._TEST]}
    data, labels = [np.concatenate(part) for part in zip(*batches.values(), strict=True)]
    images = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    labels = labels.astype(np.uint8)[:, None]
    arrays = dict(zip(PARTS, (images[:10], labels[:10], images[10:], labels[10:]), strict=True))
    return arrays, {name: write(*batch) for name, batch in batches.items()}


def archive(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize("write", [python2_batch, python3_batch])
def test_cifar10_reads_the_archive_and_the_folder(tmp_path, write):
    arrays, files = small_cifar(write)
    (tmp_path / "own.tar.gz").write_bytes(archive({**files, "batches.meta": b"x"}))
    check(cifar10.load_data(str(tmp_path / "own.tar.gz")), arrays)
    (tmp_path / "folder").mkdir()
    for name, content in files.items():
        (tmp_path / "folder" / name).write_bytes(content)
    check(cifar10.load_data(tmp_path / "folder"), arrays)


def test_cifar10_is_downloaded_once(server, home, monkeypatch):
    arrays, files = small_cifar()
    content = server.files["c.tar.gz"] = archive(files)
    monkeypatch.setattr(cifar10, "_URL", server.url + "c.tar.gz")
    monkeypatch.setattr(cifar10, "_MD5", md5(content))
    check(cifar10.load_data(), arrays)
    check(cifar10.load_data(), arrays)
    assert server.asked == ["c.tar.gz"]
    assert os.listdir(home / "datasets") == ["cifar-10-python.tar.gz"]


def test_cifar10_is_found_where_keras_keeps_it(home):
    arrays, files = small_cifar()
    (home / "datasets" / "cifar-10-batches-py").mkdir(parents=True)
    for name, content in files.items():
        (home / "datasets" / "cifar-10-batches-py" / name).write_bytes(content)
    check(cifar10.load_data(), arrays)


class Runs:
    """A pickle that would run a command when it is read."""

    def __reduce__(self):
        return os.system, ("touch pwned",)


def test_cifar10_runs_no_code_from_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, files = small_cifar()
    files["data_batch_3"] = pickle.dumps({b"data": Runs(), b"labels": []}, protocol=2)
    (tmp_path / "own.tar.gz").write_bytes(archive(files))
    with pytest.raises(DataLossError, match=r"data_batch_3 is no batch.*system is not allowed"):
        cifar10.load_data("own.tar.gz")
    assert os.listdir(tmp_path) == ["own.tar.gz"]


@pytest.mark.parametrize(("content", "message"), [
    (b"", "is no batch"), (b"\x80\x02}.", "is no batch"), (pickle.dumps([1, 2]), "is no batch"),
    (b"\x80\x02c_codecs\nencode\nX\x01\0\0\0aX\x05\0\0\0rot13\x86R.", "in another form than latin1"),
    (python3_batch(np.zeros((2, 3072), np.uint8), np.zeros(3, int)), "expected uint8 data"),
    (python3_batch(np.zeros((2, 3072), np.float32), np.zeros(2, int)), "expected uint8 data")])
def test_what_is_no_batch_of_cifar10_is_refused_by_name(tmp_path, content, message):
    _, files = small_cifar()
    (tmp_path / "own.tar.gz").write_bytes(archive({**files, "test_batch": content}))
    with pytest.raises(DataLossError, match=f"test_batch.*{message}"):
        cifar10.load_data(str(tmp_path / "own.tar.gz"))


def test_an_archive_of_cifar10_that_is_cut_or_lacks_a_batch_is_refused(tmp_path):
    _, files = small_cifar()
    whole = archive(files)
    (tmp_path / "own.tar.gz").write_bytes(whole[:len(whole) // 2])
    with pytest.raises(DataLossError, match=r"own\.tar\.gz is no whole tar archive"):
        cifar10.load_data(str(tmp_path / "own.tar.gz"))
    del files["data_batch_2"]
    (tmp_path / "own.tar.gz").write_bytes(archive(files))
    with pytest.raises(DataLossError, match="has no data_batch_2"):
        cifar10.load_data(str(tmp_path / "own.tar.gz"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataLossError, match=r"folder has no data_batch_1, .*test_batch"):
        cifar10.load_data(str(tmp_path / "folder"))


# ---- digits
def test_digits_splits_each_digit_alike_and_by_seed():
    pytest.importorskip("sklearn")
    (x, y), (u, v) = digits.load_data(test_split=0.2, seed=3)
    assert x.dtype == np.uint8
    assert x.shape == (1437, 8, 8)
    assert u.shape == (360, 8, 8)
    assert np.abs(np.bincount(y) / 4 - np.bincount(v)).max() <= 1
    again, other = digits.load_data(test_split=0.2, seed=3), digits.load_data(test_split=0.2, seed=4)
    np.testing.assert_array_equal(again[0][0], x)
    assert not np.array_equal(other[0][0], x)


def test_digits_refuses_a_share_that_is_none():
    with pytest.raises(ValueError, match=r"between 0 and 1; got 1\.5"):
        digits.load_data(test_split=1.5)


def test_digits_says_that_scikit_learn_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="pip install scikit-learn"):
        digits.load_data()


# ---- get_file
def packed(tmp_path, kind):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a.txt").write_text("hello")
    import shutil
    return open(shutil.make_archive(str(tmp_path / "packed"), kind, tmp_path, "made"), "rb")


@pytest.mark.parametrize(("kind", "name"), [("gztar", "packed.tar.gz"), ("zip", "packed.zip")])
def test_get_file_unpacks(server, home, tmp_path, kind, name):
    with packed(tmp_path, kind) as file:
        server.files[name] = file.read()
    path = get_file(name, server.url + name, extract=True, cache_subdir="more")
    assert path == str(home / "more" / name)
    assert (home / "more" / "made" / "a.txt").read_text() == "hello"


def test_get_file_untar_gives_the_folder_and_asks_once(server, home, tmp_path):
    with packed(tmp_path, "gztar") as file:
        server.files["made.tar.gz"] = file.read()
    for _ in range(2):
        assert get_file("made", server.url + "made.tar.gz", untar=True) == str(home / "datasets" / "made")
    assert server.asked == ["made.tar.gz"]


def test_get_file_refuses_members_that_leave_the_folder(server, home):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo("../../escaped")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    server.files["bad.tar.gz"] = stream.getvalue()
    with pytest.raises(tarfile.OutsideDestinationError):
        get_file("bad.tar.gz", server.url + "bad.tar.gz", extract=True)
    assert not (home / "escaped").exists()
    assert not (home.parent / "escaped").exists()


def test_get_file_refuses_what_is_no_archive_and_an_unknown_hash(server):
    server.files["a.txt"] = b"hello"
    with pytest.raises(ValueError, match=r"a\.txt is no archive of tar or zip"):
        get_file("a.txt", server.url + "a.txt", extract=True)
    with pytest.raises(ValueError, match="got 'crc'"):
        get_file("b.txt", server.url + "a.txt", file_hash="1", hash_algorithm="crc")
    assert get_file("c.txt", server.url + "a.txt", md5_hash=md5(b"hello").upper()).endswith("c.txt")


def test_without_a_setting_files_are_kept_in_the_users_home(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    kept = tmp_path / ".keras" / "datasets" / "a.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    assert get_file("a.txt", "http://127.0.0.1:9/a.txt") == str(kept)
