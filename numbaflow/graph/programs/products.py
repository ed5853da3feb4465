"""Matrix products as instructions: BLAS for small ones, our own kernels where BLAS would use threads."""
import numpy as np

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.graph import ir
from numbaflow.graph.programs.lower import Instruction, Ref, lowers
from numbaflow.graph.programs.record import recorded, shares
from numbaflow.kernels import blas, conv, conv_filter, instructions as native
from numbaflow.kernels.recording import contiguous

_LARGEST_DIRECT = 1 << 28       # multiplications; beyond, BLAS's blocks for the caches win
_PLAIN = (1, 1, 1), ((0, 0), (0, 0), (0, 0)), (1, 1, 1), 1


def _matrix(lowering, layout):
    """A layout whose matrices have unit strides in rows or in columns, and whether they are transposed."""
    array = layout.array
    rows, columns = array.strides[-2:]
    m, n = array.shape[-2:]
    size = array.itemsize
    if columns == size and (m == 1 or rows >= n * size) and rows % size == 0:
        return layout, False, rows // size if m > 1 else n
    if rows == size and (n == 1 or columns >= m * size) and columns % size == 0:
        return layout, True, columns // size if n > 1 else m
    made = lowering.whole(layout)
    return made, False, n


@lowers("matmul")
@lowers("matmul_add")
def _matmul(lowering, node):
    a, b = (lowering.layouts[v] for v in node.inputs[:2])
    out, given = node.outputs[0], node.attributes
    if out.dtype not in blas.LETTERS or given.get("adjoint_a") or given.get("adjoint_b"):
        return False
    if given.get("transpose_a"):
        a = a.view(np.swapaxes(a.array, -1, -2))
    if given.get("transpose_b"):
        b = b.view(np.swapaxes(b.array, -1, -2))
    batch = out.shape[:-2]
    if any(x.array.shape[:-2] not in ((), batch) for x in (a, b)):
        return False
    if node.op is not ir.MATMUL_ADD:
        if _is_direct(out, a) and recorded(lowering, node, _direct):
            return True
        _products(lowering, node, a, b, lowering.new(out), 0)
        return True
    c = lowering.layouts[node.inputs[2]]
    if c.root.kind != "temporary" or not c.whole:
        source, c = c, lowering.new(out)
        lowering.copy(source, c, node)
    lowering.layouts[out] = c
    _products(lowering, node, a, b, c, 1)
    return True


def _products(lowering, node, a, b, c, beta):
    """c = a b + beta c, for stacks of matrices."""
    m, n = c.array.shape[-2:]
    terms = a.array.shape[-1]
    if c.array.size == 0:
        return
    if c.array.ndim > 3:
        a, b = (_stacked(lowering, x, c.array.shape[:-2]) for x in (a, b))
    a, turned_a, lead_a = _matrix(lowering, a)
    b, turned_b, lead_b = _matrix(lowering, b)
    dtype, count = c.array.dtype, int(np.prod(c.array.shape[:-2]))
    one, scale = native.number(1, dtype.name), native.number(beta, dtype.name)
    letter = (ord("N"), ord("T"))
    step = [x.array.strides[-3] if x.array.ndim > 2 else 0 for x in (b, a)]
    args = [native.gemm_routine(dtype), letter[turned_b], letter[turned_a], n, m, terms, one.ctypes.data,
            Ref(b), max(lead_b, 1), Ref(a), max(lead_a, 1), scale.ctypes.data, Ref(c), max(n, 1),
            step[0], step[1], m * n * dtype.itemsize]
    work = m * n * terms
    threads = shares(count * work // 16) if count > 1 and work <= blas.SERIAL_PRODUCT else 1
    lowering.code.append(Instruction(native.gemm(), args, count, threads, node))


# ---- products by our own kernels
def _is_direct(out, a):
    """Whether a product is for the kernels of convolutions: for BLAS too large to stay on one thread.

    BLAS would wake threads of its own beside the program's; they fight for the processors.  On one thread our
    kernels reach 0.85 to 1.05 of OpenBLAS's speed at extents from 32 to 512.
    """
    return (out.ndim == 2 and out.dtype.kind == "f"
            and blas.SERIAL_PRODUCT < out.size * a.array.shape[-1] <= _LARGEST_DIRECT)


def _direct(node, arrays):
    """A product of matrices as a convolution of one pixel, or one of its gradients."""
    a, b = arrays
    a = a.T if node.attributes.get("transpose_a") else a
    b = b.T if node.attributes.get("transpose_b") else b
    m, n = a.shape[0], b.shape[1]
    turned_a, turned_b = (not x.flags.c_contiguous and x.T.flags.c_contiguous for x in (a, b))
    if turned_a and not turned_b:
        found = conv_filter.filter_grad(_pixels(a.T), _pixels(b), (1, 1, 1, m, n), *_PLAIN)
    elif turned_b:
        found = conv.input_grad(_pixels(a), _pixels(b.T), (1, 1, 1, m, n), *_PLAIN)
    else:
        found = conv.output(_pixels(a), _pixels(b), *_PLAIN)
    return [found.reshape(m, n)]


def _pixels(matrix):
    return contiguous(matrix).reshape(1, 1, 1, *matrix.shape)


def _stacked(lowering, layout, batch):
    """A layout with one dimension before its matrices, or none."""
    array = layout.array
    if array.ndim == 2:
        return layout
    if array.shape[:-2] != batch:
        raise InvalidArgumentError(f"matmul: {array.shape} for products {batch}")
    flat = layout.view(array.reshape(-1, *array.shape[-2:])) if array.flags.c_contiguous else None
    if flat is None:
        whole = lowering.whole(layout)
        flat = whole.view(whole.array.reshape(-1, *array.shape[-2:]))
    return flat
