"""`nf.linalg`: products, factorizations and solvers of matrices."""
from .ops.creation import eye
from .ops.diagonals import (
    matrix_band_part as band_part,
)
from .ops.diagonals import (
    matrix_diag as diag,
)
from .ops.diagonals import (
    matrix_diag_part as diag_part,
)
from .ops.diagonals import (
    matrix_set_diag as set_diag,
)
from .ops.diagonals import (
    trace,
)
from .ops.einsum import einsum
from .ops.factors import (
    cholesky,
    cholesky_solve,
    logdet,
    qr,
    svd,
)
from .ops.factors import (
    matrix_solve_ls as lstsq,
)
from .ops.factors import (
    self_adjoint_eig as eigh,
)
from .ops.factors import (
    self_adjoint_eigvals as eigvalsh,
)
from .ops.linalg import (
    adjoint,
    cross,
    log_matrix_determinant,
    slogdet,
)
from .ops.linalg import (
    matrix_determinant as det,
)
from .ops.linalg import (
    matrix_inverse as inv,
)
from .ops.linalg import (
    matrix_solve as solve,
)
from .ops.linalg import (
    matrix_triangular_solve as triangular_solve,
)
from .ops.matmul import matmul, matvec, tensordot
from .ops.norms import global_norm, l2_normalize, norm
from .ops.shape import matrix_transpose

__all__ = [
    "adjoint",
    "band_part",
    "cholesky",
    "cholesky_solve",
    "cross",
    "det",
    "diag",
    "diag_part",
    "eigh",
    "eigvalsh",
    "einsum",
    "eye",
    "global_norm",
    "inv",
    "l2_normalize",
    "log_matrix_determinant",
    "logdet",
    "lstsq",
    "matmul",
    "matrix_transpose",
    "matvec",
    "norm",
    "qr",
    "set_diag",
    "slogdet",
    "solve",
    "svd",
    "tensordot",
    "trace",
    "triangular_solve",
]
