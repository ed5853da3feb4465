"""Three species of iris told apart by four measurements: a small network, trained with `fit`."""
import argparse
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

import numbaflow as nf

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def network():
    """Two layers of 10 units and logits of the three species."""
    return nf.keras.Sequential([
        nf.keras.layers.Dense(10, activation="relu", input_shape=(4,)),
        nf.keras.layers.Dense(10, activation="relu"),
        nf.keras.layers.Dense(3),
    ])


def draw(model, features, labels, iris, path):
    """Where the network decides for which species, by the petals' sizes; sepals at their mean."""
    width, length = np.meshgrid(np.linspace(0, 2.7, 200), np.linspace(0.5, 7.2, 200))
    sepals = np.broadcast_to(features[:, :2].mean(0), (width.size, 2))
    grid = np.column_stack([sepals, length.ravel(), width.ravel()]).astype(np.float32)
    species = model.predict(grid).argmax(1).reshape(width.shape)
    figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
    axis.contourf(width, length, species, levels=[-0.5, 0.5, 1.5, 2.5], colors=["C0", "C1", "C2"], alpha=0.2)
    for k, name in enumerate(iris.target_names):
        of_kind = features[labels == k]
        axis.scatter(of_kind[:, 3], of_kind[:, 2], s=18, label=name)
    axis.set(title="Iris: the network's decisions", xlabel="petal width [cm]", ylabel="petal length [cm]")
    axis.legend()
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out"), help="the folder of the picture")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    nf.set_random_seed(arguments.seed)
    iris = load_iris()
    features, labels = iris.data.astype(np.float32), iris.target
    train, test, train_labels, test_labels = train_test_split(
        features, labels, test_size=30, random_state=arguments.seed, stratify=labels)
    model = network()
    model.compile(optimizer=nf.train.AdamOptimizer(0.01),
                  loss=nf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    stop = nf.keras.callbacks.EarlyStopping("loss", patience=20, restore_best_weights=True)
    history = model.fit(train, train_labels, batch_size=32, epochs=arguments.epochs, verbose=0,
                        callbacks=[stop])
    loss, accuracy = model.evaluate(test, test_labels, verbose=0)
    print(f"{len(history.history['loss'])} epochs, training loss {history.history['loss'][-1]:.4f}")
    print(f"held-out loss {loss:.4f}, accuracy {accuracy:.1%} of {len(test)} flowers")

    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "iris.png"
    draw(model, features, labels, iris, path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
