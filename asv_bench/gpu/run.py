"""Numbaflow on a GPU beside PyTorch, eager and compiled, on the same GPU in the same run.

    python asv_bench/gpu/run.py [--out FILE] [--quick] [--peers torch,...] [--torch PYTHON] [names...]

A name selects the rows that begin with it.  Prints a table and writes the figures as JSON.  README.md beside
this file says what each row and column means.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

import report
import rows
import worker

LIBRARIES = {rows.NUMBAFLOW: "numbaflow", rows.EAGER: "torch", rows.COMPILED: "torch"}


class Library:
    """The worker of a library, and the columns of the table that it fills."""

    def __init__(self, python, name, options, simulated=False):
        simulator = {"NUMBA_ENABLE_CUDASIM": "1"} if simulated else {}
        self.process = subprocess.Popen([python, __file__, "--worker", name, *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=os.environ | simulator)

    def ask(self, do, **arguments):
        """The answer to a command; a worker that is gone answers with an error."""
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        return json.loads(answer) if answer else {"error": f"the process ended with {self.process.wait()}"}

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def measure(name, row, libraries, rounds):
    """Seconds a call of each column, in turns; what the first calls took, norms, and errors."""
    asked = {column: libraries[LIBRARIES[column]] for column in row.columns if LIBRARIES[column] in libraries}
    made = {column: library.ask("make", row=name, column=column) for column, library in asked.items()}
    errors = {column: answer["error"] for column, answer in made.items() if "error" in answer}
    times = {column: [] for column in made if column not in errors}
    for _ in range(rounds):
        for column in times:
            answer = asked[column].ask("time", column=column) if column not in errors else {}
            if "error" in answer:
                errors[column] = answer["error"]
            elif answer:
                times[column].append(answer["seconds"])
    for library in set(asked.values()):
        library.ask("drop")
    good = {column: statistics.median(t) for column, t in times.items() if column not in errors}
    firsts = {column: made[column]["first"] for column in good}
    return good, firsts, {column: made[column]["norm"] for column in good}, errors


def measure_all(selected, sizes, libraries, rounds, meaningless, done):
    """The figures of all rows; `done` gets all that there are after each."""
    copy, figures = None, []
    for name, row in selected.items():
        seconds, firsts, norms, errors = measure(name, row, libraries, rounds)
        if name == "copy" and seconds:
            copy = row.traffic(sizes) / min(seconds.values())
        figures.append(report.figures(name, row, sizes, seconds, copy, meaningless) | {
            "first_call_s": firsts, "norms": norms, "agree": report.agree(norms), "errors": errors})
        done(figures)
    return figures


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="beginnings of the names of rows; all rows by default")
    parser.add_argument("--out", metavar="FILE",
                        help="where figures go; gpu.json here, unless they are meaningless")
    parser.add_argument("--quick", action="store_true",
                        help="short rounds, and no ResNet-50 unless it is named")
    parser.add_argument("--peers", default="torch", metavar="NAMES",
                        help="torch, torch_eager, torch_compile; '' for none; torch by default")
    parser.add_argument("--torch", default=sys.executable, metavar="PYTHON",
                        help="an interpreter that has torch")
    parser.add_argument("--tf32", action="store_true", help="let PyTorch round float32 to TF32 in products")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--simulate", action="store_true",
                       help="run all of it in Numba's simulator, tiny and once: figures are meaningless")
    where.add_argument("--cpu", action="store_true", help="the same on the CPU, PyTorch too")
    parser.add_argument("--worker", choices=sorted(set(LIBRARIES.values())), help=argparse.SUPPRESS)
    given = parser.parse_args()
    known = {"torch": (rows.EAGER, rows.COMPILED), rows.EAGER: (rows.EAGER,), rows.COMPILED: (rows.COMPILED,)}
    peers = [] if given.simulate else [peer for peer in given.peers.split(",") if peer]
    if not set(peers) <= set(known):
        parser.error(f"--peers: unknown {sorted(set(peers) - set(known))}; there are {', '.join(known)}")
    given.columns = {rows.NUMBAFLOW, *(column for peer in peers for column in known[peer])}
    given.tiny = given.simulate or given.cpu
    try:
        given.rows = rows.chosen(given.names, given.quick)
    except ValueError as error:
        parser.error(str(error))
    return given


def start(given):
    """The libraries that can be measured, their versions and CUDA; None and why when numbaflow can't."""
    options = [option for option in ("quick", "tf32", "simulate", "cpu") if getattr(given, option)]
    options = [f"--{option}" for option in options]
    pythons = {"numbaflow": sys.executable, "torch": given.torch}
    libraries, versions, cuda = {}, {}, None
    for name in dict.fromkeys(LIBRARIES[column] for column in rows.COLUMNS if column in given.columns):
        library = Library(pythons[name], name, options, given.simulate)
        said = library.ask("describe")
        missing = said.get("error") or said["missing"]
        if missing:
            library.close()
            if name == "numbaflow":
                return None, missing, None
            print(f"{name} is left out: {missing}")
            continue
        libraries[name] = library
        versions |= said["versions"]
        cuda = cuda or said["cuda"]
    return libraries, versions, cuda


def main():
    given = arguments()
    sizes = rows.TINY if given.tiny else rows.FULL
    if given.worker:
        seconds = 0 if given.tiny else 0.05 if given.quick else 0.2
        worker.serve(given.worker, "cpu" if given.cpu else "gpu", given.tf32, sizes, seconds)
        return 0
    libraries, versions, cuda = start(given)
    if libraries is None:
        print(f"{versions} (--simulate runs the workloads without one)", file=sys.stderr)
        return 1

    rounds = 1 if given.tiny else 3 if given.quick else 7
    settings = {"rounds": rounds, "tf32": given.tf32, "sizes": sizes._asdict()}
    header = report.header(versions, cuda, settings | ({"meaningless": True} if given.tiny else {}))
    out = given.out or (None if given.tiny else "gpu.json")
    print(" ".join(f"{key}={value}" for key, value in (header["machine"] | versions).items()))
    if given.tiny:
        where = "on the CPU" if given.cpu else "in the simulator"
        print(f"These figures are meaningless: tiny inputs, once, {where}.")
    print(report.head())

    def done(figures):
        print(report.line(figures[-1]), flush=True)
        if out:
            report.write(out, header, figures)
    selected = {name: row._replace(columns=tuple(c for c in row.columns if c in given.columns))
                for name, row in given.rows.items()}
    figures = measure_all(selected, sizes, libraries, rounds, given.tiny, done)
    for library in libraries.values():
        library.close()
    if out:
        print(f"figures are in {out}")
    return int(any(figure["errors"] or figure["agree"] is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
