"""Kernels that complete others: the reduction of partial results, and fills where there are no elements."""
from numbaflow.graph.fusing.kernel import PARTS, Kernel, Operand, Step, of_nothing


def combination(how, count, shape, dtype):
    """What gives for a number of chunks the kernel that reduces partial results [chunks, *shape]."""
    wide = [n for n in shape if n != 1]
    numbers = iter(range(1, len(wide) + 1))
    dims = tuple([next(numbers) if n != 1 else None for n in shape])
    axes = tuple(range(1, len(wide) + 1))
    steps = (Step("input", 0, (), dtype, (0, *axes)), Step("reduce", (how, (0,), count), (0,), dtype, axes))
    return lambda chunks: Kernel(f"fused_{how}{PARTS}", (chunks, *wide), len(wide), steps,
                                 (Operand(0, (0, *dims), dtype),), (Operand(1, dims, dtype),))


def fills(kernel, outputs):
    """(number, kernel) for each output that has elements though the space has none."""
    for k, (out, array) in enumerate(zip(kernel.outputs, outputs, strict=True)):
        if 0 in array.shape:
            continue
        step = kernel.steps[out.step]
        value = of_nothing(step.what[0], step.dtype, step.what[2]) if step.kind == "reduce" else 0
        dims = tuple([axis if n != 1 else None for axis, n in enumerate(array.shape)])
        steps = (Step("literal", value, (), out.dtype, ()),)
        yield k, Kernel("fused_fill", tuple(array.shape), 0, steps, (), (Operand(0, dims, out.dtype),))
