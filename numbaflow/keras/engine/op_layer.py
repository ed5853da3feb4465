"""OpLayer: the layer that an op called with symbolic tensors becomes."""
from numbaflow.core import table
from numbaflow.core.trackable import Trackable
from numbaflow.core.variable import Variable

from .. import backend
from .base_layer import Layer
from .symbolic import replaced, symbolic_leaves


class OpLayer(Layer):
    """An op with all its arguments but the layer's inputs.

    Args:
        op: the op's name.
        arguments: its arguments by name; "$0", "$1", ... stand for the inputs.
    """

    def __init__(self, op, arguments, name=None, **more):
        super().__init__(name=name or backend.unique_name(op), **more)
        self.op = op
        self.__dict__["arguments"] = arguments
        for key, value in arguments.items():
            if isinstance(value, Trackable):
                self._track(value, key)

    @classmethod
    def of_call(cls, face, arguments):
        """The symbolic result of calling an op's face with symbolic tensors among its arguments."""
        inputs = symbolic_leaves(arguments)
        numbers = iter(range(len(inputs)))
        layer = cls(face.op.name, replaced(arguments, lambda _: f"${next(numbers)}"))
        return layer(inputs if len(inputs) > 1 else inputs[0])

    def call(self, inputs):
        """The op's result."""
        inputs = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        arguments = {key: _with_inputs(value, inputs) for key, value in self.arguments.items()}
        return table.face(self.op)(**arguments)

    def get_config(self):
        """The op's name and its arguments."""
        return {**super().get_config(), "op": self.op, "arguments": dict(self.arguments)}


def _with_inputs(value, inputs):
    if isinstance(value, str) and value.startswith("$"):
        return inputs[int(value[1:])]
    if isinstance(value, (list, tuple)) and not isinstance(value, Variable):
        return type(value)(_with_inputs(part, inputs) for part in value)
    return value
