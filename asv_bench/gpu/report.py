"""Figures from times: rates, shares, ratios and goals; as a table and as a file."""
import datetime
import json
import platform
import subprocess
from pathlib import Path

from rows import COLUMNS, NUMBAFLOW, SECONDS

HEAD = ("row", "unit", *COLUMNS, "rate", "ratio", "goal")
WIDTHS = (20, 9, 11, 11, 13, 16, 6, 0)


def figures(name, row, sizes, seconds, copy, meaningless=False):
    """The figures of a row.

    Args:
        seconds: column -> seconds a call, of the columns that were measured.
        copy: the copy's bytes a second, or None.
        meaningless: whether no goal can be met or missed.
    """
    rates = {column: _work(row, sizes) / s for column, s in seconds.items()} if _work(row, sizes) else {}
    share = rates[NUMBAFLOW] / copy if copy and row.traffic and NUMBAFLOW in rates else None
    factor = SECONDS[row.unit] / row.ops(sizes)
    peers = [s for column, s in seconds.items() if column != NUMBAFLOW]
    return {
        "name": name, "what": row.what, "unit": row.unit,
        **{column: seconds[column] * factor if column in seconds else None for column in COLUMNS},
        "rate_unit": "GB/s" if row.traffic else "TFLOP/s" if row.flop else None,
        "rates": {column: rate / (1e9 if row.traffic else 1e12) for column, rate in rates.items()},
        "share_of_copy": share,
        "ratio": seconds[NUMBAFLOW] / min(peers) if peers and NUMBAFLOW in seconds else None,
        "goal": _goal_in_words(row.goal),
        "met": None if meaningless else _met(row.goal, seconds, share),
    }


def _work(row, sizes):
    of = row.traffic or row.flop
    return of(sizes) if of else None


def _goal_in_words(goal):
    if goal is None:
        return None
    measure, bound = goal
    return f"at least {bound:.0%} of copy" if measure == "share" else f"at most {bound:g} x {measure}"


def _met(goal, seconds, share):
    """Whether a goal is met; None where there is none or a figure is missing."""
    if goal is None:
        return None
    measure, bound = goal
    if measure == "share":
        return None if share is None else share >= bound
    if NUMBAFLOW not in seconds or measure not in seconds:
        return None
    return seconds[NUMBAFLOW] <= bound * seconds[measure]


def agree(norms, tolerance=1e-3):
    """Whether all libraries computed the same; None where there is nothing to compare."""
    norms = [norm for norm in norms.values() if norm is not None]
    if len(norms) < 2:
        return None
    return max(norms) - min(norms) <= tolerance * max(norms)


# ---- the table
def head():
    return _line(HEAD)


def line(row):
    """A row of the table, and lines for what is wrong with it."""
    share, rate = row["share_of_copy"], row["rates"].get(NUMBAFLOW)
    if share is not None:
        rate = f"{share:.0%} of copy"
    else:
        rate = "" if rate is None else _number(rate, row["rate_unit"])
    goal = "" if row["goal"] is None else f"{_verdict(row['met'])}: {row['goal']}"
    cells = (row["name"], row["unit"], *(_number(row[column]) for column in COLUMNS), rate,
             _number(row["ratio"]), goal)
    wrong = [f"    {column}: {error}" for column, error in row["errors"].items()]
    if row["agree"] is False:
        wrong.append(f"    results differ; root mean squares: {row['norms']}")
    return "\n".join([_line(cells), *wrong])


def _verdict(met):
    return "not measured" if met is None else "met" if met else "not met"


def _number(value, unit=""):
    return "-" if value is None else f"{value:.4g} {unit}".strip()


def _line(cells):
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


# ---- the file
def header(versions, cuda, settings):
    """What the figures were measured on and with."""
    return {"machine": {**_gpu(), "cuda": cuda, "cpu": _cpu(), "system": platform.platform()},
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "versions": versions, "commit": _commit(), "settings": settings}


def write(path, header, rows):
    """Write all that is known so far; called after each row, so a run cut short leaves its figures."""
    Path(path).write_text(json.dumps({**header, "rows": rows}, indent=1) + "\n")


def _gpu():
    asked = _output("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")
    known = asked.splitlines()[0].split(", ") if asked else [None] * 3
    return dict(zip(("gpu", "driver", "memory"), known, strict=True))


def _cpu():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), None)


def _commit():
    commit = _output("git", "rev-parse", "HEAD")
    if commit and _output("git", "status", "--porcelain", "--untracked-files=no"):
        commit += " and changes"
    return commit


def _output(*command):
    """What a command prints; None if it can't be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip() or None
