"""A Hamiltonian Monte Carlo sampler that learns to move far (Levy, Hoffman and Sohl-Dickstein, 2018).

Its leapfrog steps are bent by two small networks.  They need the gradient of the target's energy in the
forward pass, and training differentiates through that.  The target is a narrow ridge: a normal distribution
with variances 100 and 0.1, turned by 45 degrees.
"""
import argparse
from pathlib import Path

import matplotlib
import numpy as np
from tqdm import tqdm

import numbaflow as nf

matplotlib.use("Agg")
import matplotlib.pyplot as plt

TURN = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
COVARIANCE = TURN @ np.diag([100.0, 0.1]) @ TURN.T
PRECISION = nf.constant(np.linalg.inv(COVARIANCE), nf.float32)


def energy(x):
    """The energy of positions [chains, 2]: minus the log of the target's density, but for a constant."""
    return 0.5 * nf.reduce_sum(nf.matmul(x, PRECISION) * x, 1)


slope = nf.gradients_function(energy)


class Bend(nf.keras.Model):
    """What bends a step: a scale, a scale of the force and a shift, from two vectors and the time."""

    def __init__(self, width, scale=0.1):
        super().__init__()
        dense, small = nf.keras.layers.Dense, nf.variance_scaling_initializer(scale)
        self.inputs_to_hidden = [dense(width), dense(width), dense(width)]
        self.hidden = dense(width, activation="relu")
        self.outputs_of_hidden = [dense(2, kernel_initializer=small) for _ in range(3)]
        self.factors = [nf.Variable(nf.zeros([1, 2]), name=name) for name in ("scale", "force")]

    def call(self, inputs):
        h = nf.add_n([nf.broadcast_to(layer(x), (inputs[0].shape[0], layer.units))
                      for layer, x in zip(self.inputs_to_hidden, inputs, strict=True)])
        h = self.hidden(nf.nn.relu(h))
        scale, force, shift = [layer(h) for layer in self.outputs_of_hidden]
        return (nf.tanh(scale) * nf.exp(self.factors[0]), nf.tanh(force) * nf.exp(self.factors[1]), shift)


class Sampler(nf.keras.Model):
    """Leapfrog steps that the networks bend, and that run backwards too."""

    def __init__(self, steps, width, step_size):
        super().__init__()
        self.steps = steps
        self.log_step_size = nf.Variable(np.float32(np.log(step_size)), name="log_step_size")
        self.momentum, self.position = Bend(width), Bend(width)
        turns = 2 * np.pi * np.arange(steps) / steps
        self.times = [nf.constant([[np.cos(a), np.sin(a)]], nf.float32) for a in turns]
        self.masks = [nf.constant([[t % 2, 1 - t % 2]], nf.float32) for t in range(steps)]
        self.directions = np.random.default_rng(0)

    def kick(self, x, v, time, forward):
        """Change the momentum; also the log of the factor by which volumes grow."""
        e, force = nf.exp(self.log_step_size), slope(x)[0]
        s, q, t = self.momentum([x, force, time])
        s, push = 0.5 * e * s, 0.5 * e * (force * nf.exp(e * q) + t)
        v = v * nf.exp(s) - push if forward else (v + push) * nf.exp(-s)
        return v, nf.reduce_sum(s, 1)

    def drift(self, x, v, time, keep, forward):
        """Change the coordinates that the mask does not keep."""
        e = nf.exp(self.log_step_size)
        s, q, t = self.position([v, keep * x, time])
        s, push = e * s, e * (v * nf.exp(e * q) + t)
        moved = x * nf.exp(s) + push if forward else (x - push) * nf.exp(-s)
        return keep * x + (1.0 - keep) * moved, nf.reduce_sum((1.0 - keep) * s, 1)

    def propose(self, x, v, forward):
        """Where the steps lead, and the log of the factor by which volumes grow."""
        growth = 0.0
        for k in range(self.steps) if forward else reversed(range(self.steps)):
            time, mask = self.times[k], self.masks[k]
            v, a = self.kick(x, v, time, forward)
            for keep in (mask, 1.0 - mask) if forward else (1.0 - mask, mask):
                x, b = self.drift(x, v, time, keep, forward)
                a += b
            v, c = self.kick(x, v, time, forward)
            growth = growth + a + c
        return x, v, growth if forward else -growth

    def transition(self, x, forward):
        """Proposals for positions [chains, 2] and the chance of each to be accepted."""
        v = nf.random_normal(x.shape)
        y, w, growth = self.propose(x, v, forward)
        before = energy(x) + 0.5 * nf.reduce_sum(v * v, 1)
        after = energy(y) + 0.5 * nf.reduce_sum(w * w, 1)
        log_chance = nf.minimum(before - after + growth, 0.0)
        chance = nf.where(nf.is_finite(log_chance), nf.exp(log_chance), nf.zeros_like(log_chance))
        return y, chance

    def call(self, inputs):
        """The chains after one transition."""
        y, chance = self.transition(inputs, forward=bool(self.directions.integers(2)))
        return accepted(inputs, y, chance)


def accepted(x, y, chance):
    """The proposals y where a draw accepts them, else x."""
    return nf.where(nf.random_uniform(chance.shape) < chance, y, x)


def loss(x, y, chance, scale):
    """Small where chains move far, and large where one hardly moves."""
    distance = nf.reduce_sum(nf.square(x - y), 1) * chance + 1e-4
    return nf.reduce_mean(scale / distance - distance / scale)


def step(sampler, optimizer, x, scale, forward):
    """One training step from positions [chains, 2] and as many fresh ones: the next ones and the loss."""
    chains, fresh = x.shape[0], nf.random_normal(x.shape)
    with nf.GradientTape() as tape:
        y, chance = sampler.transition(nf.concat([x, fresh], 0), forward)
        cost = loss(x, y[:chains], chance[:chains], scale)
        cost += loss(fresh, y[chains:], chance[chains:], scale)
    variables = sampler.trainable_variables
    grads, _ = nf.clip_by_global_norm(tape.gradient(cost, variables), 10.0)
    optimizer.apply_gradients(zip(grads, variables, strict=True),
                              global_step=nf.train.get_or_create_global_step())
    return accepted(x, nf.stop_gradient(y[:chains]), chance[:chains]), cost


def train(sampler, chains, steps, scale):
    """The loss of each step."""
    rate = nf.train.exponential_decay(3e-3, nf.train.get_or_create_global_step(), steps, 0.1)
    optimizer = nf.train.AdamOptimizer(rate)
    x, losses = nf.random_normal((chains, 2)), []
    for k in tqdm(range(steps), unit="step"):
        x, cost = step(sampler, optimizer, x, scale, forward=k % 2 == 0)
        losses.append(float(cost))
    return losses


def plain(steps, step_size):
    """Hamiltonian Monte Carlo as it is: a transition of chains."""
    def transition(x):
        v = nf.random_normal(x.shape)
        y, w = x, v - 0.5 * step_size * slope(x)[0]
        for k in range(steps):
            y = y + step_size * w
            w = w - (step_size if k < steps - 1 else 0.5 * step_size) * slope(y)[0]
        change = energy(x) - energy(y) + 0.5 * nf.reduce_sum(v * v - w * w, 1)
        return accepted(x, y, nf.exp(nf.minimum(change, 0.0)))
    return transition


def walk(transition, chains, length):
    """Positions [length, chains, 2] of chains that start from the target itself."""
    rng = np.random.default_rng(1)
    x = nf.constant(rng.multivariate_normal(np.zeros(2), COVARIANCE, chains), nf.float32)
    positions = [x.numpy()]
    for _ in range(length - 1):
        x = transition(x)
        positions.append(x.numpy())
    return np.array(positions, np.float64)


def autocorrelation(positions, lags):
    """How alike positions are that lie 0, 1, ... transitions apart."""
    n = len(positions)
    products = [np.mean(np.sum(positions[:n - k] * positions[k:], 2)) for k in range(lags)]
    return np.array(products) / np.trace(COVARIANCE)


def effective(rho):
    """Independent samples that one transition is worth."""
    falling = np.argmax(rho < 0.05) if (rho < 0.05).any() else len(rho)
    return 1.0 / (1.0 + 2.0 * rho[1:falling].sum())


def draw(learned, hmc, rho_learned, rho_hmc, path):
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    for axis, positions, name in ((left, hmc, "plain HMC"), (middle, learned, "learned")):
        axis.plot(*positions[:60, 0].T, "o-", markersize=3, linewidth=0.7)
        axis.set(title=f"{name}: 60 transitions of a chain", xlim=(-18, 18), ylim=(-18, 18), aspect="equal")
    right.plot(rho_hmc, label="plain HMC")
    right.plot(rho_learned, label="learned")
    right.set(title="Autocorrelation", xlabel="transitions apart", ylim=(-0.2, 1.05))
    right.legend()
    right.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="the folder of the picture")
    parser.add_argument("--steps", type=int, default=2000, help="training steps")
    parser.add_argument("--chains", type=int, default=128)
    parser.add_argument("--length", type=int, default=1000, help="transitions of each chain that is measured")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    nf.set_random_seed(arguments.seed)
    sampler = Sampler(steps=10, width=10, step_size=0.1)
    losses = train(sampler, arguments.chains, arguments.steps, scale=1.0)
    print(f"loss {np.mean(losses[:20]):.1f} at the start, {np.mean(losses[-20:]):.1f} at the end")

    lags = min(200, arguments.length // 2)
    learned = walk(sampler, 64, arguments.length)
    rho = autocorrelation(learned, lags)
    walks = {size: walk(plain(10, size), 64, arguments.length) for size in (0.2, 0.3, 0.4, 0.5, 0.55, 0.6)}
    rhos = {size: autocorrelation(w, lags) for size, w in walks.items()}
    best = max(rhos, key=lambda size: effective(rhos[size]))
    print(f"independent samples a transition: learned {effective(rho):.4f}, "
          f"plain HMC {effective(rhos[best]):.4f} at its best step size of {best}")
    print(f"learned sampler's covariance: {np.cov(learned.reshape(-1, 2).T).round(1).tolist()}, "
          f"the target's: {COVARIANCE.round(1).tolist()}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "l2hmc.png"
    draw(learned, walks[best], rho, rhos[best], path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
