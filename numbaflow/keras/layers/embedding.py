"""What sequences begin with: vectors for integers, and masks of steps that do not count."""
from numbaflow.core.tensor import as_tensor
from numbaflow.ops.casting import cast
from numbaflow.ops.comparison import not_equal
from numbaflow.ops.index import gather
from numbaflow.ops.reduce import reduce_any

from .. import backend
from ..engine.base_layer import Layer
from .options import options_of, take_weight_options, weight_options_config, whole_number


class Embedding(Layer):
    """A vector for each integer in [0, input_dim): a row of the weight `embeddings` [input_dim, output_dim].

    Gradients are IndexedSlices: they cost what was looked up, not the whole table.

    Args:
        input_dim: how many integers there are.
        output_dim: how long the vectors are.
        embeddings_initializer, embeddings_regularizer, activity_regularizer, embeddings_constraint: of the
            table and of the vectors.
        mask_zero: whether steps of the integer 0 are masked.
        input_length: the number of steps, if it is always the same; `Flatten` after it needs to know.

    Raises:
        IndexError: an integer out of range.

    >>> import numbaflow as nf
    >>> layer = nf.keras.layers.Embedding(10, 4)
    >>> layer(nf.constant([[1, 2, 3], [9, 0, 0]])).shape
    (2, 3, 4)
    """

    def __init__(self, input_dim, output_dim, embeddings_initializer="uniform", embeddings_regularizer=None,
                 activity_regularizer=None, embeddings_constraint=None, mask_zero=False, input_length=None,
                 **kwargs):
        if "input_shape" not in kwargs and "batch_input_shape" not in kwargs and input_length is not None:
            kwargs["input_shape"] = tuple(input_length) if isinstance(input_length, (list, tuple)) else \
                (input_length,)
        super().__init__(activity_regularizer=activity_regularizer, dtype=kwargs.pop("dtype", None)
                         or backend.floatx(), **kwargs)
        self.input_dim = whole_number(self, "input_dim", input_dim)
        self.output_dim = whole_number(self, "output_dim", output_dim)
        take_weight_options(self, {"embeddings_initializer": embeddings_initializer,
                                   "embeddings_regularizer": embeddings_regularizer,
                                   "embeddings_constraint": embeddings_constraint})
        self.mask_zero, self.supports_masking, self.input_length = mask_zero, mask_zero, input_length

    def build(self, input_shape):
        """Make the table."""
        self.embeddings = self.add_weight("embeddings", (self.input_dim, self.output_dim),
                                          **options_of(self, "embeddings"))
        self.built = True

    def call(self, inputs):
        """The rows of the table."""
        ids = as_tensor(inputs)
        return gather(self.embeddings, ids if ids._dtype.kind in "iu" else cast(ids, "int32"))

    def compute_mask(self, inputs, mask=None):
        """Where the inputs are not 0, if the layer masks."""
        return not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        """The shape of the inputs and the length of a vector."""
        return (*input_shape, self.output_dim)

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "input_dim": self.input_dim, "output_dim": self.output_dim,
                "mask_zero": self.mask_zero, "input_length": self.input_length, **weight_options_config(self)}


class Masking(Layer):
    """Masks steps of sequences [n, steps, features] all of whose features have one value, and sets them to 0.

    >>> import numbaflow as nf
    >>> layers = nf.keras.layers
    >>> x = nf.constant([[[2.0, 4.0], [0.0, 0.0]]])
    >>> layers.GlobalAveragePooling1D()(layers.Masking()(x)).numpy().tolist()
    [[2.0, 4.0]]
    """

    supports_masking = True

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def call(self, inputs):
        """The inputs, 0 where they are masked."""
        x = as_tensor(inputs)
        return x * cast(reduce_any(not_equal(x, self.mask_value), -1, keepdims=True), x.dtype)

    def compute_mask(self, inputs, mask=None):
        """Which steps have a feature of another value."""
        return reduce_any(not_equal(inputs, self.mask_value), -1)

    def compute_output_shape(self, input_shape):
        """The shape given."""
        return input_shape

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "mask_value": self.mask_value}
