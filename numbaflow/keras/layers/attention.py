"""Attention: values averaged with weights from how well keys answer queries (Vaswani et al., 2017)."""
import math

import numpy as np

from numbaflow.core.tensor import as_tensor
from numbaflow.ops.casting import cast
from numbaflow.ops.comparison import select
from numbaflow.ops.dropout import dropout as drop
from numbaflow.ops.matmul import matmul
from numbaflow.ops.nn import softmax
from numbaflow.ops.shape import expand_dims, reshape, transpose

from ..engine.base_layer import Layer
from .options import check_rate, options_of, take_weight_options, weight_options_config, whole_number


def _allowed(scores, mask):
    """The scores where the mask allows them, elsewhere so low that softmax gives 0."""
    lowest = as_tensor(np.asarray(np.finfo(scores.dtype.as_numpy_dtype).min, scores.dtype.as_numpy_dtype))
    return select(cast(mask, "bool"), scores, lowest)


def _causal(queries, keys):
    """True where a query may see a key: at its own place and before, ends aligned."""
    return as_tensor(np.tri(queries, keys, keys - queries, dtype=bool))


class MultiHeadAttention(Layer):
    """Several heads of scaled dot-product attention beside each other, and a projection of what they find.

    ``softmax(q k^T / sqrt(key_dim)) v`` for each head, where q, k and v are projections of the query, key and
    value.

    Args:
        num_heads: how many heads.
        key_dim: the size of each head's queries and keys.
        value_dim: the size of each head's values; key_dim by default.
        dropout: the rate at which attention weights are left out in training.
        use_bias: whether the projections have biases.
        output_shape: the size of the output; that of the query by default.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint,
            bias_constraint: of all four projections.

    It is called as ``layer(query, value, key=None, attention_mask=None, return_attention_scores=False,
    training=None, use_causal_mask=False)``, with query [batch, queries, n] and value and key [batch, keys, m]
    (the key is the value by default).  `attention_mask`, [batch, queries, keys] or what broadcasts to it, is
    True where a query may see a key; one of four axes has one for each head.  It gives [batch, queries,
    output_shape], and if asked for the weights [batch, heads, queries, keys].

    Vaswani et al., Attention Is All You Need, 2017.

    >>> import numbaflow as nf
    >>> layer = nf.keras.layers.MultiHeadAttention(num_heads=2, key_dim=8)
    >>> x = nf.random_normal((3, 5, 16))
    >>> y, weights = layer(x, x, return_attention_scores=True, use_causal_mask=True)
    >>> y.shape, weights.shape, float(weights[0, 0, 0, 1])
    ((3, 5, 16), (3, 2, 5, 5), 0.0)
    """

    def __init__(self, num_heads, key_dim, value_dim=None, dropout=0.0, use_bias=True, output_shape=None,
                 kernel_initializer="glorot_uniform", bias_initializer="zeros", kernel_regularizer=None,
                 bias_regularizer=None, kernel_constraint=None, bias_constraint=None, **more):
        super().__init__(**more)
        self.num_heads = whole_number(self, "num_heads", num_heads)
        self.key_dim = whole_number(self, "key_dim", key_dim)
        self.value_dim = whole_number(self, "value_dim", key_dim if value_dim is None else value_dim)
        self.dropout, self.use_bias = check_rate(self, dropout, "dropout"), use_bias
        self.output_size = output_shape
        take_weight_options(self, {
            "kernel_initializer": kernel_initializer, "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer, "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint, "bias_constraint": bias_constraint})
        self.supports_masking = True

    # ---- weights
    def _build_from(self, query, value, key):
        for name, x in (("query", query), ("value", value), ("key", key)):
            if len(x) != 3:
                raise ValueError(f"Layer {self.name}: {name} must be [batch, steps, n], got shape {tuple(x)}")
        heads, output = self.num_heads, self.output_size or query[-1]
        self._weights_of = {
            "query": self._projection("query", (query[-1], heads, self.key_dim)),
            "key": self._projection("key", (key[-1], heads, self.key_dim)),
            "value": self._projection("value", (value[-1], heads, self.value_dim)),
            "output": self._projection("attention_output", (heads, self.value_dim, output), inputs=2)}

    def _projection(self, name, shape, inputs=1):
        """A kernel with that many axes of inputs, the rest of outputs, and its bias or None."""
        kernel = self.add_weight(f"{name}/kernel", shape, **options_of(self, "kernel"))
        bias = None
        if self.use_bias:
            bias = self.add_weight(f"{name}/bias", shape[inputs:], **options_of(self, "bias"))
        return kernel, bias

    def build(self, input_shape):
        """Weights are made by the first call, which knows all shapes."""
        self.built = True

    # ---- running
    def call(self, query, value, key=None, attention_mask=None, return_attention_scores=False, training=None,
             use_causal_mask=False):
        """What the queries find, and the attention weights if asked for; see the class."""
        value = as_tensor(value)
        key = value if key is None else as_tensor(key)
        if not hasattr(self, "_weights_of"):
            self._build_from(query.shape, value.shape, key.shape)
        q, k, v = (self._heads(name, x) for name, x in (("query", query), ("key", key), ("value", value)))
        scores = matmul(q, k, transpose_b=True) * (1.0 / math.sqrt(self.key_dim))
        for mask in self._masks(query, value, attention_mask, use_causal_mask):
            scores = _allowed(scores, mask)
        weights = softmax(scores)
        used = drop(weights, rate=self.dropout) if training and self.dropout else weights
        y = self._joined(matmul(used, v))
        return (y, weights) if return_attention_scores else y

    def _heads(self, name, x):
        """[batch, steps, n] projected to [batch, heads, steps, size]."""
        kernel, bias = self._weights_of[name]
        batch, steps, n = x.shape
        _, heads, size = kernel.shape
        y = matmul(reshape(x, (batch * steps, n)), reshape(kernel, (n, heads * size)))
        if bias is not None:
            y = y + reshape(bias, (heads * size,))
        return transpose(reshape(y, (batch, steps, heads, size)), [0, 2, 1, 3])

    def _joined(self, found):
        """[batch, heads, steps, size] projected to the output."""
        kernel, bias = self._weights_of["output"]
        batch, heads, steps, size = found.shape
        rows = reshape(transpose(found, [0, 2, 1, 3]), (batch * steps, heads * size))
        y = matmul(rows, reshape(kernel, (heads * size, kernel.shape[-1])))
        return reshape(y if bias is None else y + bias, (batch, steps, kernel.shape[-1]))

    def _masks(self, query, value, attention_mask, use_causal_mask):
        if attention_mask is not None:
            mask = as_tensor(attention_mask)
            yield expand_dims(mask, 1) if mask.ndim == 3 else mask
        of_values = getattr(value, "_keras_mask", None)
        if of_values is not None:
            yield expand_dims(expand_dims(of_values, 1), 1)
        if use_causal_mask:
            yield _causal(query.shape[1], value.shape[1])

    def compute_mask(self, inputs, mask=None):
        """The query's mask."""
        return mask[0] if isinstance(mask, list) else mask

    def compute_output_shape(self, input_shape):
        """The query's shape with the size of the output."""
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        return (*shape[:-1], self.output_size or shape[-1])

    def get_config(self):
        """The arguments that make such a layer."""
        return {**super().get_config(), "num_heads": self.num_heads, "key_dim": self.key_dim,
                "value_dim": self.value_dim, "dropout": self.dropout, "use_bias": self.use_bias,
                "output_shape": self.output_size, **weight_options_config(self)}
