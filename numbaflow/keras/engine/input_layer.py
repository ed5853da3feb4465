"""Input: where a functional model begins."""
from .. import backend
from .base_layer import Layer
from .symbolic import Node


class InputLayer(Layer):
    """The layer that stands for an input of a model.

    Args:
        input_shape: the shape without the batch.
        batch_size: the extent of the batch, None for any.
        dtype: float32 by default.
        name: "input_1" etc. by default.
        batch_input_shape: the shape with the batch, in place of the first two.
    """

    def __init__(self, input_shape=None, batch_size=None, dtype=None, input_tensor=None, sparse=False,
                 name=None, batch_input_shape=None, **more):
        if sparse or input_tensor is not None:
            raise ValueError("InputLayer: neither sparse inputs nor inputs that are tensors already are "
                             "supported; call the model with the tensor")
        if batch_input_shape is None:
            if input_shape is None:
                raise ValueError("Please provide to Input either a `shape` or a `batch_shape`, without the "
                                 "batch or with it.")
            shape = (input_shape,) if isinstance(input_shape, int) else tuple(input_shape)
            batch_input_shape = (batch_size, *shape)
        super().__init__(name=name or f"input_{backend.get_uid('input')}", dtype=dtype or backend.floatx(),
                         **more)
        self._batch_input_shape, self.built = tuple(batch_input_shape), True

    def symbolic(self):
        """Its symbolic tensor; a new one if none is referred to."""
        nodes = [node for node in (ref() for ref in self._nodes) if node is not None]
        spec = (self._batch_input_shape, self.dtype)
        return (nodes[0] if nodes else Node(self, (None, (), {}), (), 0, [spec])).output(0)

    def compute_output_shape(self, input_shape):
        """The shape given."""
        return input_shape

    def get_config(self):
        """The arguments that make such a layer."""
        return {"batch_input_shape": self._batch_input_shape, "dtype": self.dtype, "name": self.name}


def Input(shape=None, batch_size=None, name=None, dtype=None, sparse=False, tensor=None, batch_shape=None):
    """A symbolic tensor for an input of a model: layers and ops called with it make up the model.

    Args:
        shape: the shape of one sample; None in it is any extent.
        batch_size: the extent of the batch; any by default.
        name: the input's name.
        dtype: its dtype, float32 by default.
        sparse, tensor: not supported.
        batch_shape: the shape with the batch, in place of `shape`.

    >>> import numbaflow as nf
    >>> x = nf.keras.Input((4,))
    >>> y = nf.keras.layers.Dense(2)(x) * 2.0
    >>> nf.keras.Model(x, y)(nf.zeros((3, 4))).shape
    (3, 2)
    """
    return InputLayer(shape, batch_size, dtype, tensor, sparse,
                      name, batch_input_shape=batch_shape).symbolic()
