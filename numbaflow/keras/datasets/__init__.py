"""Data sets: downloaded once and kept, or shipped with scikit-learn."""
from . import cifar10, digits, fashion_mnist, mnist

__all__ = ["cifar10", "digits", "fashion_mnist", "mnist"]
