"""What a compiled function tells of itself: what is in the texts, not how they look."""
import shutil
import subprocess
import sys

import numpy as np
import pytest
from numbaflow.kernels import builds, fused

import numbaflow as nf
from numbaflow.graph.flow import control, host
from numbaflow.graph.function import TensorSpec, function

X, Y = np.linspace(-1, 1, 12).reshape(3, 4).astype("float32"), np.ones((3, 2), "float32")


@pytest.fixture(scope="module")
def trained():
    """A step of gradient descent, its arguments and its variable."""
    w = nf.Variable(np.full((4, 2), 0.5, "float32"), name="weights")

    @function
    def step(x, y):
        with nf.GradientTape() as tape:
            loss = nf.reduce_mean(nf.square(nf.tanh(nf.matmul(x, w)) - y))
        w.assign_sub(0.1 * tape.gradient(loss, w))
        return loss
    return step, (nf.constant(X), nf.constant(Y)), w


def test_the_text_shows_the_graph_before_and_after_rewriting(trained):
    step, args, _ = trained
    before, after = step.graph_text(*args).split("rewritten")
    assert "traced" in before
    assert "reads weights:0" in before
    assert "assigns weights:0" in before
    for name in ("matmul", "tanh", "reduce_mean", "square", "subtract"):
        assert f" = {name}(" in before
    assert "float32[3, 2]" in before
    assert "transpose_a=True" in before
    assert "transpose_b" not in before                      # as matmul takes it by itself
    assert "fused" in after
    assert " = tanh(" in after
    assert "assign weights:0 = " in after
    assert "return " in after


def test_the_text_names_the_users_lines(trained):
    step, args, _ = trained
    lines = [line for line in step.graph_text(*args).splitlines() if " = matmul(" in line]
    assert lines
    assert all("# test_report.py:" in line for line in lines)


def test_bodies_are_part_of_the_text():
    @function
    def f(x):
        return control.cond(nf.reduce_sum(x) > 0, lambda: nf.exp(x), lambda: nf.sin(x))
    text = f.graph_text(nf.constant([1.0, 2.0]))
    assert " = exp(" in text
    assert " = sin(" in text


def test_a_drawing_needs_nothing_as_dot_and_graphviz_for_pictures(trained, tmp_path, monkeypatch):
    step, args, _ = trained
    step.save_plot(tmp_path / "step.dot", *args)
    text = (tmp_path / "step.dot").read_text()
    assert text.startswith("digraph")
    assert text.rstrip().endswith("}")
    assert "weights:0" in text
    assert "->" in text
    assert "matmul" in text
    assert "assign weights:0" in text
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match="graphviz"):
        step.save_plot(tmp_path / "step.png", *args)
    with pytest.raises(ValueError, match=r"expected \.dot"):
        step.save_plot(tmp_path / "step.txt", *args)


def test_the_kernels_have_sources_uses_and_compile_times(trained):
    step, args, _ = trained
    lowered = step.lower(*args)
    native = [s for s in lowered.steps if not s.host]
    assert sum(k.uses for k in lowered.kernels) == len(native)
    for kernel in lowered.kernels:
        assert kernel.uses >= 1
        assert kernel.seconds > 0
        assert kernel.cached in (True, False)
    fused = [k for k in lowered.kernels if k.name.startswith("fused")]
    assert fused
    assert all(k.source.startswith(f"def {k.name}(args, lo, hi):") for k in fused)
    assert any("tanh(" in k.source for k in fused)
    assert all(s.name in str(lowered) for s in lowered.steps)


def test_the_steps_say_what_they_read_and_write(trained):
    step, args, _ = trained
    steps = step.lower(*args).steps
    assert "argument_0" in steps[0].reads
    assert "weights:0" in steps[0].reads
    assert "weights:0" in steps[-1].writes
    assert any("result 0" in s.writes for s in steps)
    assert all(s.writes and s.extent >= 1 and s.threads >= 1 for s in steps)
    assert steps[0].bytes == (X.size + 8 + 6) * 4


def test_calls_of_the_host_are_told_apart():
    @function
    def f(x):
        return host.py_function(lambda t: t * 2.0, [nf.exp(x)], nf.float32, shape=x.shape) + 1.0
    lowered = f.lower(nf.constant([1.0, 2.0]))
    assert len(lowered.host_calls) == 1
    assert "(host)" in str(lowered)


def test_a_profile_has_a_time_for_each_step_and_leaves_variables_alone(trained, capsys):
    step, args, w = trained
    before = w.numpy().copy()
    profile = step.profile(*args, repeat=3)
    np.testing.assert_array_equal(w.numpy(), before)
    assert [s for s, *_ in profile.rows] == step.lower(*args).steps
    assert all(us >= 0 for _, us, _ in profile.rows)
    assert sum(share for *_, share in profile.rows) == pytest.approx(1)
    assert profile.call == pytest.approx(profile.overhead + sum(us for _, us, _ in profile.rows))
    assert str(profile) in capsys.readouterr().out
    with pytest.raises(ValueError, match="repeat=0"):
        step.profile(*args, repeat=0)


def test_a_profile_runs_host_calls_and_takes_other_layouts(capsys):
    @function
    def f(x):
        return host.py_function(lambda t: t * 2.0, [nf.exp(x)], nf.float32, shape=x.shape) @ x
    x = nf.constant(X[:3, :3].T)
    profile = f.profile(x, repeat=2)
    assert {s.host for s, *_ in profile.rows} == {True, False}
    np.testing.assert_allclose(f(x), 2 * np.exp(x.numpy()) @ x.numpy(), rtol=1e-5)


def test_memory_counts_bytes(trained):
    step, args, _ = trained
    memory = step.memory(*args)
    assert memory.results == 4
    assert memory.variables == 8 * 4
    assert 0 < memory.temporaries <= memory.without_reuse
    assert memory.in_place == ("weights:0",)
    assert not memory.copied
    assert str(memory.temporaries) in str(memory)
    assert "weights:0" in str(memory)


def test_memory_of_a_chain_is_reused():
    a = np.eye(32, dtype="float32")

    @function
    def f(x):
        for _ in range(10):
            x = nf.matmul(x, a)
        return x
    memory = f.memory(nf.constant(a))
    assert memory.temporaries == 2 * a.nbytes
    assert memory.without_reuse == 9 * a.nbytes
    assert memory.results == memory.constants == a.nbytes


def test_variables_that_take_each_others_values_are_copied():
    v, w = nf.Variable([1.0, 2.0], name="v"), nf.Variable([3.0, 4.0], name="w")

    @function
    def swap():
        a, b = v.read_value(), w.read_value()
        v.assign(b)
        w.assign(a)
    assert set(swap.memory().copied) == {"v:0", "w:0"}


def test_specs_and_concrete_functions_serve_too(trained):
    step, args, _ = trained
    specs = [TensorSpec([3, 4]), TensorSpec([3, 2])]
    concrete = step.get_concrete_function(*specs)
    assert concrete.graph_text() == step.graph_text(*specs) == step.graph_text(*args)
    assert concrete.memory() == step.memory(*args)
    assert concrete.profile(args, repeat=1).rows


def test_a_kernel_that_was_kept_on_disk_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBAFLOW_CACHE_DIR", str(tmp_path))
    text = "def once(args, lo, hi):\n    x = args[0]\n"
    build = builds.of(fused.compiled("once", text, {}).address)
    assert (build.name, build.source, build.cached) == ("once", text, False)
    told = f"from numbaflow.kernels import builds, fused; f = fused.compiled('once', {text!r}, {{}}); "
    told += "print(builds.of(f.address).cached)"
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "True"
