"""Rates of hares and lynxes, Lotka and Volterra's equations, fitted by the gradient through their solver.

The data are 21 real years: the furs that Hudson's Bay Company took in, 1900 to 1920, in thousands.  A step of
training is thousands of small ops: eager Python pays for each, `nf.function` makes one program of them.
"""
import argparse
import time
from pathlib import Path

import numpy as np

import numbaflow as nf

# Elton and Nicholson, The Ten-Year Cycle in Numbers of the Lynx in Canada, J. Animal Ecology 11, 1942
HARES = [30.0, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22.0, 25.4, 27.1, 40.3, 57.0, 76.6, 52.3, 19.5, 11.2,
         7.6, 14.6, 16.2, 24.7]
LYNXES = [4.0, 6.1, 9.8, 35.2, 59.4, 41.7, 19.0, 13.0, 8.3, 9.1, 7.4, 8.0, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8,
          9.7, 10.1, 8.6]
SUBSTEPS = 8                    # of the solver, a year


def slope(state, rates):
    """What hares and lynxes gain in a year: rates are of births, of being eaten, of deaths, of eating."""
    hares, lynxes = state
    births, eaten, deaths, eating = rates
    return hares * (births - eaten * lynxes), lynxes * (eating * hares - deaths)


def runge_kutta(state, rates, h):
    """One step of order 4."""
    def moved(k, by):
        return [x + by * d for x, d in zip(state, k, strict=True)]
    k1 = slope(state, rates)
    k2 = slope(moved(k1, h / 2), rates)
    k3 = slope(moved(k2, h / 2), rates)
    k4 = slope(moved(k3, h), rates)
    return [x + (h / 6) * (a + 2.0 * b + 2.0 * c + d)
            for x, a, b, c, d in zip(state, k1, k2, k3, k4, strict=True)]


def simulated(logs, years):
    """The logarithms of both numbers, year by year; `logs` are those of the first numbers and the rates."""
    values = nf.unstack(nf.exp(logs))
    state, rates, found = values[:2], values[2:], []
    for year in range(years):
        found.append(nf.stack([nf.log(x) for x in state]))
        if year < years - 1:
            for _ in range(SUBSTEPS):
                state = runge_kutta(state, rates, 1.0 / SUBSTEPS)
    return nf.stack(found)


def make_step(logs, observed, optimizer):
    """The step of training, a function without arguments that gives the loss."""
    def step():
        with nf.GradientTape() as tape:
            loss = nf.reduce_mean(nf.square(simulated(logs, observed.shape[0]) - observed))
        optimizer.apply_gradients([(tape.gradient(loss, logs), logs)])
        return loss
    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()

    observed = nf.constant(np.log([HARES, LYNXES]).T)
    logs = nf.Variable(np.log([30.0, 4.0, 0.5, 0.025, 0.8, 0.025]))
    eager = make_step(logs, observed, nf.train.AdamOptimizer(0.0))
    step = nf.function(make_step(logs, observed, nf.train.AdamOptimizer(0.01)))

    eager()                                 # (the first step compiles kernels)
    began = time.perf_counter()
    eager()
    print(f"a step, eager:     {1e3 * (time.perf_counter() - began):9.3f} ms")
    began = time.perf_counter()
    first = float(step())
    print(f"the first compiled:{1e3 * (time.perf_counter() - began):9.0f} ms, tracing and compiling included")
    began = time.perf_counter()
    for _ in range(options.steps - 1):
        loss = float(step())
    print(f"a step, compiled:  {1e3 * (time.perf_counter() - began) / (options.steps - 1):9.3f} ms")

    births, eaten, deaths, eating = np.exp(logs.numpy())[2:]
    print(f"loss {first:.3f}, after {options.steps} steps {loss:.3f}")
    print(f"a year: hares grow by {births:.3f} and lose {eaten:.4f} a lynx; lynxes lose {deaths:.3f} and "
          f"grow by {eating:.4f} a hare")
    options.out.mkdir(parents=True, exist_ok=True)
    draw(np.exp(simulated(logs.read_value(), len(HARES)).numpy()), options.out / "fit_ode.png")


def draw(fitted, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    years = range(1900, 1900 + len(HARES))
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for values, k, name, color in ((HARES, 0, "hares", "tab:blue"), (LYNXES, 1, "lynxes", "tab:red")):
        axes.plot(years, values, "o", color=color, label=f"{name}, furs")
        axes.plot(years, fitted[:, k], color=color, label=f"{name}, fitted")
    axes.set(xlabel="year", ylabel="thousands", title="Hares and lynxes, Hudson's Bay")
    axes.set_xticks(range(1900, 1921, 4))
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
