"""Model: a network of layers that can be trained."""
from .network import Network
from .training import Training


class Model(Training, Network):
    """Layers and variables put together, with what trains and uses them.

    There are two ways to make one.  A subclass sets layers as attributes in `__init__` and gives `call`; a
    functional model is the way between symbolic tensors: ``Model(inputs, outputs)``.

    Args:
        inputs: a `keras.Input`, or a list of them.
        outputs: a tensor made from them by layers and ops, or a list or dict of such.
        name: its name.

    Raises:
        ValueError: outputs that depend on other inputs.
        RuntimeError: a subclass that did not call `super().__init__()`.

    >>> import numbaflow as nf
    >>> class Classifier(nf.keras.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = nf.keras.layers.Dense(8, activation="relu")
    ...         self.out = nf.keras.layers.Dense(3)
    ...     def call(self, inputs):
    ...         return self.out(self.hidden(inputs))
    >>> model = Classifier()
    >>> model(nf.zeros((5, 4))).shape, len(model.trainable_variables)
    ((5, 3), 4)
    """
