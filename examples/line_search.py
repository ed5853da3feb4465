"""The guide's backtracking line search, down Rosenbrock's valley from (-1.2, 1) to the minimum at (1, 1)."""
import argparse

import numbaflow as nf


def rosenbrock(x):
    return (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2


def line_search_step(fn, init_x, rate=1.0):
    """A step against the gradient, halved until fn falls by at least rate times the gradient's square."""
    with nf.GradientTape() as tape:
        tape.watch(init_x)
        value = fn(init_x)
    grad = tape.gradient(value, init_x)
    grad_norm = nf.reduce_sum(grad * grad)
    init_value, x = value, init_x
    while value > init_value - rate * grad_norm:
        x = init_x - rate * grad
        value = fn(x)
        rate /= 2.0
    return x, value


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    steps = parser.parse_args().steps

    x = nf.constant([-1.2, 1.0], nf.float64)
    shown = {0, 1, 10, 100, 1000}
    for step in range(steps):
        if step in shown:
            print(f"step {step:4d}: f({x[0]:.5f}, {x[1]:.5f}) = {rosenbrock(x):.3e}")
        x, value = line_search_step(rosenbrock, x)
    print(f"after {steps} steps: f({x[0]:.5f}, {x[1]:.5f}) = {value:.3e}")


if __name__ == "__main__":
    main()
