"""Large arguments of the ops that are not elementwise: about a million elements in the
shapes that programs have.

An op is in `LARGE` or, with a reason, in `WITHOUT_LARGE`; tests/test_benches.py sees to it.
"""
import numpy as np

from numbaflow import Sample
from numbaflow.ops.windows import windows_over
from numbaflow.testing import bools, given, integers, normal, positive_definite, uniform

_rng = np.random.default_rng(0)
ROWS = 100_000
SEGMENTS = np.repeat(np.arange(1000), 100)                      # 1,000 sorted segments of 100 rows
SCATTERED = _rng.permutation(SEGMENTS)
PLACES = _rng.integers(0, 1000, (ROWS, 2))                      # coordinates in a 1000x1000 matrix
DISTINCT_PLACES = np.unique(PLACES, axis=0)[:ROWS // 2]
PERMUTATION = _rng.permutation(ROWS)
KEY = np.array([12345, 67])                                     # of a sequence of random numbers
PLAIN = ((1, 1), ((1, 1), (1, 1)), (1, 1), False, 1)            # of a convolution 3 x 3, SAME, channels last

matrix = normal(2048, 2048)
rows = normal(ROWS, 16)
million = normal(1_000_000)
positive = positive_definite(256, 256)
classes = normal(1024, 1000)                                    # 1024 examples of 1000 classes
chances = uniform(1024, 1000, high=0.002)
images = normal(8, 56, 56, 64)
_halved = windows_over("bench", (8, 56, 56, 64), 2, 2, "VALID", "NHWC")

LARGE = {
    # shapes
    "broadcast_to": Sample(normal(1024), (1024, 1024)),
    "cast": Sample(million, "float64"),
    "complex": Sample(million, million),
    "expand_dims": Sample(matrix, 0),
    "reshape": Sample(matrix, (1024, 4096)),
    "squeeze": Sample(normal(1, 2048, 1, 2048)),
    "sum_to": Sample(matrix, (2048,)),
    "transpose": Sample(matrix),
    # joining and cutting
    "add_n": Sample([million] * 4),
    "concat": Sample([normal(1024, 512)] * 4, 1),
    "getitem": Sample(matrix, (slice(1, -1), slice(None, None, 2))),
    "setitem": Sample(matrix, normal(2046, 1024), (slice(1, -1), slice(None, None, 2))),
    "add_pieces": Sample([normal(2046, 1024)], ((slice(1, -1), slice(None, None, 2)),), (2048, 2048)),
    "pad": Sample(matrix, [[1, 1], [2, 2]]),
    "reverse": Sample(matrix, (0,)),
    "reverse_sequence": Sample(normal(64, 128, 64), np.arange(64) + 1, 1, 0),
    "roll": Sample(matrix, 100, 0),
    "split": Sample(matrix, 4, 1),
    "stack": Sample([normal(1024, 512)] * 4),
    "tile": Sample(normal(512, 512), [2, 4]),
    "unstack": Sample(normal(16, 256, 256)),
    # reductions and scans
    "argmax": Sample(matrix, 1),
    "argmin": Sample(matrix, 1),
    "reduce_all": Sample(bools(2048, 2048), 0),
    "reduce_any": Sample(bools(2048, 2048), 0),
    "reduce_logsumexp": Sample(matrix, 1),
    "reduce_max": Sample(matrix, 0),
    "reduce_mean": Sample(matrix, 0),
    "reduce_min": Sample(matrix, 0),
    "reduce_prod": Sample(uniform(2048, 2048, low=0.99, high=1.01), 0),
    "reduce_sum": Sample(matrix, 0),
    "sum_of_squares": Sample([million] * 4),
    "cumprod": Sample(uniform(1024, 1024, low=0.99, high=1.01), 1),
    "cumsum": Sample(normal(1024, 1024), 1),
    "cumulative_logsumexp": Sample(normal(1024, 1024), 1),
    "linear_recurrence": Sample(uniform(1024, 1024), normal(1024, 1024)),
    # indices
    "gather": Sample(normal(10_000, 16), integers(ROWS, high=10_000)),
    "gather_grad": Sample(rows, integers(ROWS, high=10_000), (10_000, 16)),
    "gather_nd": Sample(normal(1000, 1000), PLACES),
    "one_hot": Sample(integers(10_000, high=100), 100),
    "put_along_axis": Sample(normal(1000, 100), integers(1000, 100, high=200), 1, (1000, 200)),
    "scatter_nd": Sample(PLACES, normal(ROWS), (1000, 1000)),
    "sequence_mask": Sample(integers(10_000, high=100), 100),
    "take_along_axis": Sample(normal(1000, 200), integers(1000, 100, high=200), 1),
    "tensor_scatter_add": Sample(normal(1000, 1000), PLACES, normal(ROWS)),
    "tensor_scatter_sub": Sample(normal(1000, 1000), PLACES, normal(ROWS)),
    "tensor_scatter_update": Sample(normal(1000, 1000), DISTINCT_PLACES, normal(ROWS // 2)),
    "where_true": Sample(bools(1024, 1024)),
    # segments
    "segment_max": Sample(rows, SEGMENTS),
    "segment_mean": Sample(rows, SEGMENTS),
    "segment_min": Sample(rows, SEGMENTS),
    "segment_prod": Sample(uniform(ROWS, 16, low=0.99, high=1.01), SEGMENTS),
    "segment_slots": Sample(SCATTERED, 1000),
    "segment_spread": Sample(normal(1000, 16), SCATTERED),
    "segment_sum": Sample(rows, SEGMENTS),
    "unsorted_segment_max": Sample(rows, SCATTERED, 1000),
    "unsorted_segment_mean": Sample(rows, SCATTERED, 1000),
    "unsorted_segment_min": Sample(rows, SCATTERED, 1000),
    "unsorted_segment_prod": Sample(uniform(ROWS, 16, low=0.99, high=1.01), SCATTERED, 1000),
    "unsorted_segment_sqrt_n": Sample(rows, SCATTERED, 1000),
    "unsorted_segment_sum": Sample(rows, SCATTERED, 1000),
    # order
    "argsort": Sample(normal(100, 1000)),
    "count_values": Sample(integers(1_000_000, high=1000)),
    "dynamic_partition": Sample(rows, SCATTERED % 8, 8),
    "dynamic_stitch": Sample([PERMUTATION[:ROWS // 2], PERMUTATION[ROWS // 2:]], [normal(ROWS // 2, 16)] * 2),
    "in_top_k": Sample(normal(10_000, 100), integers(10_000, high=100), 5),
    "invert_permutation": Sample(PERMUTATION),
    "searchsorted": Sample(np.linspace(-3, 3, 10_000, dtype="float32"), normal(ROWS)),
    "sort": Sample(normal(100, 1000)),
    "top_k": Sample(normal(1000, 1000), 10),
    "unique": Sample(integers(ROWS, high=1000)),
    "unique_with_counts": Sample(integers(ROWS, high=1000)),
    # matrices
    "cholesky": Sample(positive),
    "cross": Sample(normal(ROWS, 3), normal(ROWS, 3)),
    "diag": Sample(normal(1000)),
    "diag_part": Sample(normal(1000, 1000)),
    "matmul": Sample(normal(512, 512), normal(512, 512)),
    "matrix_band_part": Sample(matrix, -1, 0),
    "matrix_determinant": Sample(uniform(256, 256)),
    "matrix_diag": Sample(normal(100, 100)),
    "matrix_diag_part": Sample(normal(100, 100, 100)),
    "matrix_inverse": Sample(positive),
    "matrix_set_diag": Sample(normal(100, 100, 100), normal(100, 100)),
    "matrix_solve": Sample(positive, normal(256, 16)),
    "matrix_triangular_solve": Sample(positive, normal(256, 16)),
    "qr": Sample(normal(256, 256)),
    "self_adjoint_eig": Sample(positive),
    "self_adjoint_eigvals": Sample(positive),
    "singular_values": Sample(normal(256, 256)),
    "slogdet": Sample(positive),
    "svd_factors": Sample(normal(256, 256)),
    "trace": Sample(matrix),
    # recurrent steps
    "lstm_gates": Sample(normal(512, 512), normal(512, 128)),
    "lstm_gates_grad": Sample(normal(512, 128), normal(512, 128), normal(512, 512), normal(512, 128)),
    # classes
    "log_softmax": Sample(classes),
    "log_softmax_grad": Sample(classes, classes),
    "softmax": Sample(classes),
    "softmax_cross_entropy": Sample(chances, classes),
    "softmax_cross_entropy_grad": Sample(normal(1024), chances, classes, classes),
    "softmax_grad": Sample(classes, chances),
    "sparse_softmax_cross_entropy_grad": Sample(normal(1024), integers(1024, high=1000), classes, classes),
    "sparse_softmax_cross_entropy_with_logits": Sample(integers(1024, high=1000), classes),
    # normalization
    "batch_norm_grad": Sample(images, normal(64), normal(64), images, normal(64), normal(64), uniform(64)),
    "batch_norm_inference": Sample(images, normal(64), normal(64), normal(64), uniform(64)),
    "batch_norm_training": Sample(images, normal(64), normal(64)),
    "dropout_draw": Sample(million, KEY, 0.5),
    "layer_norm": Sample(classes, normal(1000), normal(1000)),
    "layer_norm_grad": Sample(classes, classes, normal(1000), normal(1024), uniform(1024)),
    "neighbour_sum": Sample(images, 5),
    "resize_grad": Sample(normal(8, 112, 112, 16), (56, 56)),
    "resized": Sample(normal(8, 56, 56, 16), (112, 112)),
    # windows
    "argmax_of_windows": Sample(images, _halved),
    "avg_pool_grad": Sample(normal(8, 28, 28, 64), _halved),
    "max_of_windows": Sample(images, _halved),
    "max_pool_grad": Sample(normal(8, 28, 28, 64), integers(8, 28, 28, 64, high=4, dtype="uint8"), _halved),
    "max_pool_take": Sample(images, integers(8, 28, 28, 64, high=4, dtype="uint8"), _halved),
    "mean_of_windows": Sample(images, _halved),
    # images
    "biased_conv": Sample(normal(4, 28, 28, 64), normal(3, 3, 64, 64), normal(64), *PLAIN, True),
    "conv": Sample(normal(4, 28, 28, 64), normal(3, 3, 64, 64), *PLAIN),
    "conv_filter_grad": Sample(normal(4, 28, 28, 64), normal(4, 28, 28, 64), (3, 3, 64, 64), *PLAIN),
    "conv_input_grad": Sample(normal(3, 3, 64, 64), normal(4, 28, 28, 64), (4, 28, 28, 64), *PLAIN),
    # random numbers
    "bernoulli_draw": Sample((1_000_000,), KEY, 0.3),
    "categorical_draw": Sample(normal(100, 100), KEY, 1000),
    "gamma_draw": Sample((ROWS,), KEY, uniform(ROWS, low=0.5, high=5.0), given(1.0)),
    "gamma_sample_gradient": Sample(uniform(ROWS, low=0.5, high=5.0), uniform(ROWS, low=0.2, high=6.0)),
    "normal_draw": Sample((1_000_000,), KEY, 0.0, 1.0, "float32"),
    "permutation_draw": Sample(ROWS, KEY),
    "poisson_draw": Sample((ROWS,), KEY, uniform(ROWS, high=9.0), "float32"),
    "truncated_normal_draw": Sample((1_000_000,), KEY, 0.0, 1.0, "float32"),
    "uniform_draw": Sample((1_000_000,), KEY, 0.0, 1.0, "float32"),
}

WITHOUT_LARGE = {
    "identity": "makes no array: its time is the same at every size",
    "stop_gradient": "makes no array: its time is the same at every size",
}
