"""`nf.nn`: activations, cross entropies and what else networks are made of."""
from .ops.activations import (
    crelu,
    elu,
    gelu,
    leaky_relu,
    log_sigmoid,
    relu,
    relu6,
    selu,
    sigmoid,
    softplus,
    softsign,
    swish,
)
from .ops.index import embedding_lookup
from .ops.nn import (
    log_softmax,
    sigmoid_cross_entropy_with_logits,
    softmax,
    softmax_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
)
from .ops.norms import l2_normalize
from .ops.sorting import in_top_k, top_k
from .ops.trigonometric import tanh

__all__ = [
    "crelu",
    "elu",
    "embedding_lookup",
    "gelu",
    "in_top_k",
    "l2_normalize",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
    "softplus",
    "softsign",
    "sparse_softmax_cross_entropy_with_logits",
    "swish",
    "tanh",
    "top_k",
]
