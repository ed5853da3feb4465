"""The machinery of layers and models."""
