"""Training: what a Model does with data, mixed into it: compile, fit, evaluate, predict."""


class Training:
    """The part of a model that trains it, measures it and predicts with it."""
