"""CUDA kernels compiled without a GPU: what is made, what is kept on disk, what is refused."""
import re
import struct

import numpy as np
import pytest
from numba import cuda, types
from numbaflow.kernels import scalar
from numbaflow.kernels.cuda import toolchain
from numbaflow.kernels.cuda.toolchain import ToolchainError, compiled, compiled_for

pytestmark = pytest.mark.ptx
VECTOR = types.Array(types.float32, 1, "C")
BOTH = (8, 0), (9, 0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBAFLOW_CACHE_DIR", str(tmp_path))
    return tmp_path


def elementwise(body, name="apply"):
    """A kernel of one scalar body of one argument, made from text."""
    scope = {"__name__": __name__, "cuda": cuda, "body": body}
    lines = f"def {name}(x, out):", "i = cuda.grid(1)", "if i < out.size:", "    out[i] = body(x[i])"
    exec("\n    ".join(lines), scope)
    return scope[name]


def add(x, y, out):
    i = cuda.grid(1)
    if i < out.size:
        out[i] = scalar.add(x[i], y[i])


def largest(x, out):
    held = cuda.shared.array(8, np.float32)
    t = cuda.threadIdx.x
    top = x[cuda.grid(1)]
    for k in (16, 8, 4, 2, 1):
        top = scalar.maximum(top, cuda.shfl_down_sync(0xffffffff, top, k))
    if t % 32 == 0:
        held[t // 32] = top
    cuda.syncthreads()
    if t == 0:
        out[cuda.blockIdx.x] = held[0]


# ---- what is made
def test_each_architecture_has_its_own_code():
    old, new = compiled_for(add, (VECTOR,) * 3, BOTH)
    for code, number in ((old, 80), (new, 90)):
        assert f"\n.target sm_{number}\n" in code.ptx
        assert f".entry {code.name}(" in code.ptx
        assert code.cubin[:4] == b"\x7fELF"
        flags, = struct.unpack_from("<I", code.cubin, 48)           # of the ELF header
        assert flags >> 8 & 0xff == number


def _instructions(code):
    return re.sub(r"B\d*v\d+", "", code.ptx.replace("sm_80", "sm_90"))


def test_what_was_compiled_before_changes_nothing():
    def sums(x, out):
        cuda.atomic.add(out, 0, scalar.tanh(x[cuda.grid(1)]))
    wide = (types.Array(types.float64, 1, "C"),) * 2
    first = compiled(sums, wide, (9, 0))
    then = compiled(sums, wide, (8, 0))
    assert _instructions(first) == _instructions(then)
    assert ".add.f64" in first.ptx


def test_shared_memory_and_shuffles():
    for code in compiled_for(largest, (VECTOR, VECTOR), BOTH):
        assert code.resources.shared == 32
        assert code.resources.spilled == code.resources.local == 0
        assert 0 < code.resources.registers < 64
        assert code.ptx.count("shfl.sync.down") == 5


def test_shared_memory_given_at_launch_is_not_counted():
    def copy(x, out):
        held = cuda.shared.array(0, np.float32)
        held[cuda.threadIdx.x] = x[cuda.grid(1)]
        cuda.syncthreads()
        out[cuda.grid(1)] = held[0]
    assert [c.resources.shared for c in compiled_for(copy, (VECTOR, VECTOR), BOTH)] == [0, 0]


def test_spills_are_told():
    values = [f"v{k}" for k in range(280)]
    text = ["def crowded(x, out):"]
    text += [f"    {v} = x[{k}]" for k, v in enumerate(values)]
    text += ["    cuda.syncthreads()"]
    text += [f"    out[{k}] = {v}" for k, v in enumerate(values)]
    scope = {"__name__": __name__, "cuda": cuda}
    exec("\n".join(text), scope)
    took = compiled(scope["crowded"], (VECTOR, VECTOR), (9, 0)).resources
    assert took.registers == 255
    assert took.spilled > 0
    assert took.local >= 4 * (280 - 255)


def test_arrays_of_a_thread_are_local_and_no_spills():
    def gather(x, out, n):
        held = cuda.local.array(64, np.float32)
        for k in range(n):
            held[k % 64] = x[k]
        out[0] = held[n // 3 % 64]
    took = compiled(gather, (VECTOR, VECTOR, types.int64), (9, 0)).resources
    assert took.local >= 256
    assert took.spilled == 0


def test_parameters_are_counted_in_bytes():
    def scaled(x, out, n, a, flag, z):
        if flag:
            out[0] = x[n, n] * a + z.real
    given = (types.Array(types.float32, 2, "A"), VECTOR,
             types.int64, types.float32, types.boolean, types.complex64)
    code = compiled(scaled, given, (9, 0))
    assert code.parameters == (8,) * 9 + (8,) * 7 + (8, 4, 1, 4, 4)


def test_arrays_that_code_refers_to_are_in_it_once():
    table = np.arange(20000, dtype=np.float64)         # more than constant memory holds

    @cuda.jit(device=True)
    def look(i):
        return table[i]

    def twice(x, out):
        i = cuda.grid(1)
        out[i] = look(i) + table[i + 1] + table[i + 2]
    for code in compiled_for(twice, (VECTOR, VECTOR), BOTH):
        assert code.resources.constant == table.nbytes


def test_views_of_arrays_that_code_refers_to():
    turned, reversed_, strided = np.arange(6.0).reshape(2, 3).T, np.arange(6.0)[::-1], np.arange(12.0)[::2]

    def read(x, out):
        i = cuda.grid(1)
        out[i] = turned[i, 0] + reversed_[i] + strided[i]
    code = compiled(read, (VECTOR, VECTOR), (9, 0))
    assert [_table(code, a) for a in (turned.T, reversed_, strided)] == [True] * 3


def _table(code, array):
    """Whether the code holds an array with these elements in this order."""
    return ", ".join(str(b) for b in array.tobytes()).rstrip("0, ") in code.ptx


@pytest.mark.parametrize(("fastmath", "found"), [(False, {"div.rn.f32", "sqrt.rn.f32"}),
                                                 (True, {"div.full.f32", "sqrt.approx.f32"})])
def test_divisions_round_unless_told_otherwise(fastmath, found):
    def compute(x, out):
        out[0] = scalar.divide(x[0], x[1]) + scalar.sqrt(x[2])
    code = compiled(compute, (VECTOR, VECTOR), (9, 0), fastmath)
    assert set(re.findall(r"\b(?:div|rcp|sqrt)\.\S+", code.ptx)) == found


# ---- what is kept
def _refuse(*_):
    raise AssertionError("compiled again")


def test_code_is_kept_on_disk(cache, monkeypatch):
    made = compiled_for(add, (VECTOR,) * 3, BOTH)
    assert len(list(cache.iterdir())) == 2
    monkeypatch.setattr(toolchain, "_front_end", _refuse)
    assert compiled_for(add, (VECTOR,) * 3, BOTH) == made
    assert compiled(add, (VECTOR,) * 3, (9, 0)) == made[1]


def test_generated_code_is_kept_by_what_it_is_made_of(monkeypatch):
    made = compiled(elementwise(scalar.sqrt), (VECTOR, VECTOR), (9, 0))
    monkeypatch.setattr(toolchain, "_front_end", _refuse)
    assert compiled(elementwise(scalar.sqrt), (VECTOR, VECTOR), (9, 0)) == made
    with pytest.raises(AssertionError, match="again"):
        compiled(elementwise(scalar.reciprocal), (VECTOR, VECTOR), (9, 0))


@pytest.mark.parametrize("change", [{"signature": (types.Array(types.float64, 1, "C"),) * 2},
                                    {"cc": (8, 6)}, {"fastmath": True}])
def test_another_question_has_another_answer(monkeypatch, change):
    asked = {"function": elementwise(scalar.sqrt), "signature": (VECTOR, VECTOR), "cc": (9, 0)}
    compiled(**asked)
    monkeypatch.setattr(toolchain, "_front_end", _refuse)
    with pytest.raises(AssertionError, match="again"):
        compiled(**{**asked, **change})


@pytest.mark.parametrize("text", [b"", b"no code"])
def test_a_file_that_cannot_be_read_is_written_anew(cache, text):
    made = compiled(add, (VECTOR,) * 3, (9, 0))
    file, = cache.iterdir()
    whole = file.read_bytes()
    for broken in (text, whole[:-9]):
        file.write_bytes(broken)
        assert compiled(add, (VECTOR,) * 3, (9, 0)).resources == made.resources
        assert len(file.read_bytes()) > len(whole) // 2


def test_what_has_no_description_is_compiled_and_not_kept(cache, monkeypatch):
    def unknown(function):
        raise toolchain.Unfingerprintable("this")
    monkeypatch.setattr(toolchain, "fingerprint", unknown)
    assert compiled(add, (VECTOR,) * 3, (9, 0)).cubin
    assert not list(cache.iterdir())


# ---- what is refused
def test_a_kernel_returns_nothing():
    def square(x):
        return x[0] * x[0]
    with pytest.raises(TypeError, match="kernel square must return nothing, returns float32"):
        compiled(square, (VECTOR,), (9, 0))


@pytest.mark.parametrize(("cc", "message"), [((7, 0), r"add for .* \(7, 0\): \(7, 5\) is the oldest"),
                                             ((99, 0), r"kernel add: NVVM for compute_990: (.|\n)*arch")])
def test_architectures_that_are_not_known(cc, message):
    with pytest.raises(ToolchainError, match=message):
        compiled(add, (VECTOR,) * 3, cc)


def test_what_does_not_fit_says_which_kernel_and_why():
    def large(x, out):
        held = cuda.shared.array(1 << 16, np.float64)
        held[cuda.threadIdx.x] = x[0]
        cuda.syncthreads()
        out[0] = held[0]
    with pytest.raises(ToolchainError, match=r"kernel large: linking for sm_90: (.|\n)*shared"):
        compiled(large, (VECTOR, VECTOR), (9, 0))


@pytest.mark.parametrize(("missing", "message"), [
    ("numba_cuda", r"need numba-cuda: `pip install numbaflow\[cuda\]`"),
    ("nvvm", "NVIDIA's nvvm, not found"), ("nvJitLink", "NVIDIA's nvJitLink, not found"),
    ("simulator", "unset NUMBA_ENABLE_CUDASIM")])
def test_a_machine_without_the_compiler(monkeypatch, missing, message):
    from cuda import pathfinder
    found = {name: pathfinder.load_nvidia_dynamic_lib(name) for name in ("nvvm", "nvJitLink")}

    def load(name):
        if name == missing:
            raise RuntimeError(name)
        return found[name]
    monkeypatch.setattr(pathfinder, "load_nvidia_dynamic_lib", load)
    monkeypatch.setattr(toolchain, "SIMULATED", missing == "simulator")
    if missing == "numba_cuda":
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    toolchain._tools.cache_clear()
    try:
        with pytest.raises(ToolchainError, match=message):
            compiled(add, (VECTOR,) * 3, (9, 0))
    finally:
        toolchain._tools.cache_clear()
