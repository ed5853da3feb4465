"""`nf.linalg`: products, factorizations and solvers of matrices."""
from .ops.creation import eye
from .ops.diagonals import (
    matrix_band_part as band_part,
    matrix_diag as diag,
    matrix_diag_part as diag_part,
    matrix_set_diag as set_diag,
    trace,
)
from .ops.einsum import einsum
from .ops.factors import (
    cholesky,
    cholesky_solve,
    logdet,
    matrix_solve_ls as lstsq,
    qr,
    self_adjoint_eig as eigh,
    self_adjoint_eigvals as eigvalsh,
    svd,
)
from .ops.linalg import (
    adjoint,
    cross,
    log_matrix_determinant,
    matrix_determinant as det,
    matrix_inverse as inv,
    matrix_solve as solve,
    matrix_triangular_solve as triangular_solve,
    slogdet,
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
