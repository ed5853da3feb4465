"""Every example runs, small, as a user runs it, and prints what it promises."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = {
    "digits": ["--epochs", "5", "--examples", "600"],
    "higher_order": ["--points", "101"],
    "line_search": ["--steps", "101"],
    "linear_regression": ["--steps", "41"],
}
PICTURES = {"digits": "digits_loss.png", "higher_order": "higher_order.png"}


def run(name, folder):
    """What the example prints."""
    out = ["--out", str(folder / "new")] if name in PICTURES else []
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *SMALL[name], *out]
    done = subprocess.run(command, cwd=folder, env=os.environ | {"MPLCONFIGDIR": str(folder)},
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_run_here():
    assert {p.stem for p in EXAMPLES.glob("*.py")} == set(SMALL)


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_is_where_the_example_says(name, tmp_path):
    pytest.importorskip("matplotlib")
    if name == "digits":
        pytest.importorskip("sklearn")
    said = re.search(r"^picture: (.*)$", run(name, tmp_path), re.MULTILINE)[1]
    assert Path(said) == tmp_path / "new" / PICTURES[name]
    assert Path(said).read_bytes().startswith(b"\x89PNG")


def test_digits_learns(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    accuracy = float(re.search(r"accuracy ([\d.]+)% of 150 images", run("digits", tmp_path))[1])
    assert accuracy > 80.0


def test_higher_order_agrees_with_the_closed_forms(tmp_path):
    pytest.importorskip("matplotlib")
    found = re.findall(r"(\w+), order (\d): .* (\S+)$", run("higher_order", tmp_path), re.MULTILINE)
    assert len(found) == 12
    assert all(float(difference) < 1e-12 for _, _, difference in found)


def test_line_search_goes_down(tmp_path):
    values = [float(v) for v in re.findall(r"= (\S+)$", run("line_search", tmp_path), re.MULTILINE)]
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(24.2)
    assert values[-1] < 0.1


def test_linear_regression_learns(tmp_path):
    printed = run("linear_regression", tmp_path)
    losses = [float(v) for v in re.findall(r"(?:loss|step \d+): ([\d.]+)$", printed, re.MULTILINE)]
    assert losses == sorted(losses, reverse=True)
    assert len(losses) == 5
    assert losses[0] > 60.0
    assert losses[-1] < 16.0
