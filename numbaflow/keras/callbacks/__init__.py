"""Callbacks: what a training loop calls at its epochs and batches."""
