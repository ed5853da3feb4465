"""Every example runs, small, as a user runs it, and prints what it promises."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = {
    "characters": ["--epochs", "1", "--size", "20000", "--units", "16", "--sample", "20"],
    "colour_names": ["--epochs", "2", "--units", "8", "--name", "Deep Sea"],
    "cvae": ["--epochs", "2", "--examples", "200"],
    "digits": ["--epochs", "12"],
    "fit_ode": ["--steps", "20"],
    "gan": ["--epochs", "2", "--examples", "200"],
    "higher_order": ["--points", "101"],
    "iris": ["--epochs", "60"],
    "l2hmc": ["--steps", "4", "--chains", "8", "--length", "12"],
    "line_search": ["--steps", "101"],
    "linear_regression": ["--steps", "41"],
    "resnet50": ["--steps", "2", "--size", "32", "--batch-size", "2", "--classes", "10"],
    "reversible": ["--epochs", "1", "--examples", "300", "--blocks", "3", "--channels", "8"],
    "tree_lstm": ["--steps", "3", "--batch-size", "4", "--units", "8"],
}
PICTURES = {
    "colour_names": ["colour_names.png"],
    "cvae": ["cvae.png"],
    "digits": ["digits_loss.png", "digits_predictions.png"],
    "fit_ode": ["fit_ode.png"],
    "gan": ["gan.png"],
    "higher_order": ["higher_order.png"],
    "iris": ["iris.png"],
    "l2hmc": ["l2hmc.png"],
}
NEEDS = {"digits": ["sklearn", "tensorboard"], "gan": ["sklearn", "tensorboard"], "cvae": ["sklearn"],
         "iris": ["sklearn"], "reversible": ["sklearn"]}


def run(name, folder, *more):
    """What the example prints."""
    for module in [*NEEDS.get(name, []), *(["matplotlib"] if name in PICTURES else [])]:
        pytest.importorskip(module)
    out = ["--out", str(folder / "new")] if name in PICTURES else []
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *SMALL[name], *out, *more]
    done = subprocess.run(command, cwd=folder, env=os.environ | {"MPLCONFIGDIR": str(folder)},
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def number(pattern, printed):
    return float(re.search(pattern, printed)[1])


def check_pictures(name, folder, printed):
    """The pictures are there, and named where the example says so."""
    for picture in PICTURES[name]:
        path = folder / "new" / picture
        assert str(path) in printed
        assert path.read_bytes().startswith(b"\x89PNG")


def test_every_example_is_run_here():
    assert {p.stem for p in EXAMPLES.glob("*.py")} == set(SMALL)


def test_digits_learns_and_leaves_what_it_says(tmp_path):
    printed = run("digits", tmp_path)
    assert number(r"accuracy ([\d.]+)% of 450 images", printed) > 85.0
    check_pictures("digits", tmp_path, printed)
    said = re.search(r"^checkpoint: (.*)$", printed, re.MULTILINE)[1]
    assert said == str(tmp_path / "new/checkpoints/ckpt-2")
    assert next((tmp_path / "new/logs").iterdir()).name.startswith("events.out.tfevents.")


def test_digits_goes_on_from_its_checkpoint(tmp_path):
    first = number(r"accuracy ([\d.]+)%", run("digits", tmp_path))
    again = run("digits", tmp_path, "--resume")
    assert number(r"accuracy ([\d.]+)%", again) == first
    assert "ckpt-2" in again


def test_iris_learns(tmp_path):
    printed = run("iris", tmp_path)
    assert number(r"accuracy ([\d.]+)% of 30 flowers", printed) > 85.0
    check_pictures("iris", tmp_path, printed)


def test_cvae_learns(tmp_path):
    printed = run("cvae", tmp_path)
    assert number(r"epochs: ([\d.]+) nats", printed) < number(r"training: ([\d.]+) nats", printed) - 2
    check_pictures("cvae", tmp_path, printed)


def test_gan_plays(tmp_path):
    printed = run("gan", tmp_path)
    assert 0 < number(r"generator loss ([\d.]+)", printed) < 20
    check_pictures("gan", tmp_path, printed)


def test_l2hmc_runs(tmp_path):
    printed = run("l2hmc", tmp_path)
    assert "independent samples a transition" in printed
    check_pictures("l2hmc", tmp_path, printed)


def test_colour_names_gives_colours(tmp_path):
    printed = run("colour_names", tmp_path)
    assert re.search(r"^Deep Sea: #[0-9a-f]{6}$", printed, re.MULTILINE)
    check_pictures("colour_names", tmp_path, printed)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_characters_reads_and_writes(cell, tmp_path):
    printed = run("characters", tmp_path, "--cell", cell)
    assert len(printed[printed.index("The "):]) == len("The ") + 20 + 1


def test_tree_lstm_runs(tmp_path):
    printed = run("tree_lstm", tmp_path)
    assert len(re.findall(r"leaves: [\d.]+% of 200 new expressions", printed)) == 3


def test_reversible_gradients_are_the_ordinary_ones_in_less_memory(tmp_path):
    printed = run("reversible", tmp_path)
    assert number(r"differ by at most (\S+)", printed) < 1e-3
    assert number(r"reversible ([\d.]+) MB", printed) < number(r"ordinary ([\d.]+) MB", printed)


def test_resnet50_steps(tmp_path):
    printed = run("resnet50", tmp_path)
    assert "23,608,202 parameters" in printed
    assert number(r"([\d.]+) images a second", printed) > 0


def test_higher_order_leaves_its_picture(tmp_path):
    check_pictures("higher_order", tmp_path, run("higher_order", tmp_path))


def test_higher_order_agrees_with_the_closed_forms(tmp_path):
    found = re.findall(r"(\w+), order (\d): .* (\S+)$", run("higher_order", tmp_path), re.MULTILINE)
    assert len(found) == 12
    assert all(float(difference) < 1e-12 for _, _, difference in found)


def test_fit_ode_fits(tmp_path):
    text = run("fit_ode", tmp_path)
    first, last = re.search(r"loss (\S+), after 20 steps (\S+)", text).groups()
    assert float(last) < float(first)
    check_pictures("fit_ode", tmp_path, text)


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
