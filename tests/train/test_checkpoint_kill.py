"""A process that is killed in the middle of a save loses nothing that was saved before."""
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("killed_saves.py")


def run(*arguments):
    subprocess.run([sys.executable, "-W", "error", PROGRAM, *map(str, arguments)], check=True)


@pytest.mark.slow
def test_200_kills_at_random_moments_lose_nothing(tmp_path):
    run(tmp_path, "random", 200)


@pytest.mark.slow
def test_kills_before_each_call_to_the_system_lose_nothing(tmp_path):
    run(tmp_path, "each")
