"""Optimizers of Keras."""
