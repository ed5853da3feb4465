"""Kernels that complete others: the reduction of partial results, and what is left of nothing."""
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


def of_empty(kernel, outputs):
    """What fills the outputs of an empty space that have elements: (numbers of inputs, of outputs, a kernel).

    Reductions give what they give of nothing.  Where there are rows, but empty ones, each has what follows.
    """
    axes = range(len(kernel.extents))
    outer, row = axes[:len(axes) - kernel.row], axes[len(axes) - kernel.row:]
    left = next((some for some in (outer, row) if all(kernel.extents[a] for a in some)), ())
    gone, inputs, steps, place = set(axes).difference(left), [], [], {}

    def put(k):
        if k not in place:
            step = kernel.steps[k]
            if step.kind == "reduce" and gone.intersection((*step.what[1], *step.axes)):
                how, _, count = step.what
                step = Step("literal", of_nothing(how, step.dtype, count), (), step.dtype, ())
            elif step.kind == "input":
                inputs.append(step.what)
                step = step._replace(what=len(inputs) - 1)
            steps.append(step._replace(operands=tuple([put(o) for o in step.operands])))
            place[k] = len(steps) - 1
        return place[k]

    filled = [k for k, array in enumerate(outputs) if 0 not in array.shape]
    made = [_moved(kernel.outputs[k], put(kernel.outputs[k].step), left) for k in filled]
    given = [_moved(kernel.inputs[i], place[kernel.inputs[i].step], left) for i in inputs]
    extents = tuple([kernel.extents[a] for a in left])
    return inputs, filled, Kernel("fused_fill", extents, 0, tuple(steps), tuple(given), tuple(made))


def _moved(operand, step, left):
    """An operand in a space that has the axes `left` only."""
    dims = tuple([None if a is None else left.index(a) for a in operand.dims])
    return operand._replace(step=step, dims=dims)
