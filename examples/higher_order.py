"""Derivatives to order 5 of tanh and of a Gaussian, each the gradient of the one before, in a picture."""
import argparse
from pathlib import Path

import matplotlib
import numpy as np
from numpy.polynomial import Polynomial
from numpy.polynomial.hermite_e import hermeval

import numbaflow as nf

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ORDER = 5


def gaussian(x):
    return nf.exp(-0.5 * x * x)


def derivatives(f):
    """f and its derivatives to ORDER, as functions of a tensor: element by element, because f is."""
    functions = [f]
    for _ in range(ORDER):
        gradient = nf.gradients_function(functions[-1])
        functions.append(lambda x, gradient=gradient: gradient(x)[0])
    return functions


def exact_tanh(x):
    """With t = tanh x, dt/dx = 1 - t**2: each derivative is a polynomial in t."""
    t, slope = Polynomial([0.0, 1.0]), Polynomial([1.0, 0.0, -1.0])
    values = []
    for _ in range(ORDER + 1):
        values.append(t(np.tanh(x)))
        t = t.deriv() * slope
    return values


def exact_gaussian(x):
    """(-1)**n He_n(x) exp(-x**2 / 2), with Hermite's polynomials."""
    return [(-1.0) ** n * hermeval(x, [0.0] * n + [1.0]) * np.exp(-0.5 * x * x) for n in range(ORDER + 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("."), help="the folder of the picture")
    parser.add_argument("--points", type=int, default=801)
    arguments = parser.parse_args()

    x = np.linspace(-4.0, 4.0, arguments.points)
    figure, axes = plt.subplots(1, 2, figsize=(11, 5), sharex=True, layout="constrained")
    colors = plt.get_cmap("viridis")(np.linspace(0.0, 0.92, ORDER + 1))
    cases = (("tanh", nf.tanh, exact_tanh), ("Gaussian", gaussian, exact_gaussian))
    for axis, (name, f, exact) in zip(axes, cases, strict=True):
        for n, (derivative, expected) in enumerate(zip(derivatives(f), exact(x), strict=True)):
            y = derivative(nf.constant(x)).numpy()
            largest = np.abs(y).max()
            # scaled to height 1: the fifth derivatives are 16 and 6 times as high as the functions
            axis.plot(x, y / largest, color=colors[n], label=f"order {n}, up to {largest:.3g}")
            difference = np.abs(y - expected).max()
            print(f"{name}, order {n}: largest difference from the closed form {difference:.1e}")
        axis.set(title=f"{name} and its derivatives", xlabel="x", ylabel="derivative / its largest value")
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small", ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    path = arguments.out / "higher_order.png"
    arguments.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
