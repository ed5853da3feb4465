"""`nf.random`: random numbers from counters, the same on every device and for every number of threads."""
from .ops.random import (
    multinomial,
    random_crop,
    set_random_seed,
    truncated_normal,
)
from .ops.random import (
    random_gamma as gamma,
)
from .ops.random import (
    random_normal as normal,
)
from .ops.random import (
    random_poisson as poisson,
)
from .ops.random import (
    random_shuffle as shuffle,
)
from .ops.random import (
    random_uniform as uniform,
)

__all__ = [
    "gamma",
    "multinomial",
    "normal",
    "poisson",
    "random_crop",
    "set_random_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]
