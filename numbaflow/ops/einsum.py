"""einsum: sums of products named by their indices, as matrix products of two tensors at a time.

Everything here is a composition of ops, so gradients of any order follow.  A term is a tensor with a label
for each of its axes: a letter, or a negative number for an axis of the ellipsis, counted from its last.
"""
import functools
from itertools import combinations
from math import prod

from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.later import of_known_rank
from numbaflow.core.tensor import as_tensor

from .diagonals import matrix_diag_part
from .matmul import matmul
from .reduce import reduce_sum
from .shape import broadcast_to, reshape, squeeze, transpose

__all__ = ["einsum"]


@of_known_rank
def einsum(equation, *inputs, name=None):
    """Sums of products of tensors, written with an index for each axis.

    Args:
        equation: indices of each input, then of the output: "ij,jk->ik".  An index that the output lacks is
            summed over; one that comes twice in an input takes its diagonal; "..." is axes that broadcast.
            Without "->" the output has the indices that come once, in alphabetical order.
        inputs: tensors of one dtype, one for each group of indices.

    Returns:
        A tensor.  Inputs are multiplied in pairs, the cheapest pair first.

    Raises:
        ValueError: an equation that is malformed or does not fit the shapes.

    >>> import numbaflow as nf
    >>> nf.einsum("ij,jk->ik", [[1.0, 2.0]], [[3.0], [4.0]]).numpy().tolist()
    [[11.0]]
    >>> nf.einsum("ii->i", [[1, 2], [3, 4]]).numpy().tolist()
    [1, 4]
    """
    tensors = [as_tensor(x) for x in inputs]
    groups, output, extents = _parse(equation, tuple([x._data.shape for x in tensors]))
    terms = [_diagonal(x, labels) for x, labels in zip(tensors, groups, strict=True)]
    terms = [_without_ones(x, labels, extents) for x, labels in terms]
    while len(terms) > 1:
        i, j = _cheapest(terms, output, extents)
        rest = [t for k, t in enumerate(terms) if k not in (i, j)]
        terms = [*rest, _product(terms[i], terms[j], {*output, *[x for _, labels in rest for x in labels]})]
    x, labels = _summed(*terms[0], set(output))
    return _turned(x, labels, [label for label in output if label in labels], output, extents)


# ---- the equation
@functools.lru_cache(maxsize=1024)
def _parse(equation, shapes):
    """The labels of each input, those of the output, and the extent of each label."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    groups = left.split(",")
    if len(groups) != len(shapes):
        raise _error(equation, shapes, f"{len(groups)} groups of indices for {len(shapes)} inputs")
    labels = [_labels(g, len(shape), equation, shapes) for g, shape in zip(groups, shapes, strict=True)]
    extents = _extents(labels, equation, shapes)
    hidden = sorted({x for part in labels for x in part if isinstance(x, int)})
    if not arrow:
        letters = [x for x in sorted(set(left)) if x.isalpha() and left.count(x) == 1]
        return labels, (*hidden, *letters), extents
    before, dots, after = right.partition("...")
    output = (*before, *hidden, *after) if dots else (*before,)
    unknown = [x for x in output if x not in extents]
    if unknown or len(set(output)) < len(output):
        raise _error(equation, shapes, f"the output's index {unknown[0]} is in no input" if unknown
                     else "the output has an index twice")
    return labels, output, extents


def _labels(group, rank, equation, shapes):
    before, dots, after = group.partition("...")
    letters = before + after
    if letters and not letters.isalpha():
        raise _error(equation, shapes, f"indices are letters, got {group!r}")
    if len(letters) > rank or (len(letters) < rank and not dots):
        raise _error(equation, shapes, f"{group!r} does not fit a tensor of rank {rank}")
    return (*before, *range(len(letters) - rank, 0), *after)


def _extents(labels, equation, shapes):
    """The extent of each label: 1 gives way to others."""
    extents = {}
    for part, shape in zip(labels, shapes, strict=True):
        for label, n in zip(part, shape, strict=True):
            have = extents.setdefault(label, n)
            if have == 1:
                extents[label] = n
            elif n not in (1, have):
                what = label if isinstance(label, str) else "..."
                raise _error(equation, shapes, f"index {what} has extents {have} and {n}")
    return extents


def _error(equation, shapes, why):
    return InvalidArgumentError(f"einsum: {equation!r} on shapes {', '.join(map(str, shapes))}: {why}")


# ---- one term
def _diagonal(x, labels):
    """The term without labels that come twice."""
    for label in labels:
        while labels.count(label) > 1:
            i = labels.index(label)
            j = labels.index(label, i + 1)
            if x._data.shape[i] != x._data.shape[j]:
                extents = f"{x._data.shape[i]} and {x._data.shape[j]}"
                raise InvalidArgumentError(f"einsum: index {label} has extents {extents} in one input")
            left = [k for k in range(len(labels)) if k not in (i, j)]
            x = matrix_diag_part(transpose(x, [*left, i, j]))
            labels = (*[labels[k] for k in left], label)
    return x, labels


def _without_ones(x, labels, extents):
    """The term without axes of extent 1 that broadcast: multiplying does without them."""
    ones = [k for k, label in enumerate(labels) if x._data.shape[k] == 1 != extents[label]]
    if not ones:
        return x, labels
    return squeeze(x, ones), tuple([label for k, label in enumerate(labels) if k not in ones])


def _summed(x, labels, kept):
    """The term summed over labels that nothing else needs."""
    gone = [k for k, label in enumerate(labels) if label not in kept]
    if not gone:
        return x, labels
    return reduce_sum(x, gone), tuple([label for label in labels if label in kept])


def _turned(x, labels, order, output, extents):
    """The term with its axes in the output's order, repeated along those it lacks."""
    x = _arranged(x, labels, order)
    missing = [label for label in output if label not in labels]
    if not missing:
        return x
    x = reshape(x, tuple([1 if label in missing else extents[label] for label in output]))
    return broadcast_to(x, tuple([extents[label] for label in output]))


def _arranged(x, labels, order):
    perm = [labels.index(label) for label in order]
    return x if perm == sorted(perm) else transpose(x, perm)


# ---- two terms
def _cheapest(terms, output, extents):
    """The pair of terms whose product makes the smallest tensor, counting what it takes from the others."""
    if len(terms) == 2:
        return 0, 1

    def growth(pair):
        i, j = pair
        others = {*output, *[x for k, (_, labels) in enumerate(terms) if k not in pair for x in labels]}
        both = set(terms[i][1]) | set(terms[j][1])
        size = [prod([extents[x] for x in labels]) for labels in (both & others, terms[i][1], terms[j][1],
                                                                  both)]
        return size[0] - size[1] - size[2], size[3]
    return min(combinations(range(len(terms)), 2), key=growth)


def _product(first, second, kept):
    """One term for two: labels outside `kept` are summed over."""
    x, x_labels = _summed(*first, kept | set(second[1]))
    y, y_labels = _summed(*second, kept | set(first[1]))
    shared = [label for label in x_labels if label in y_labels]
    batch, inner = [s for s in shared if s in kept], [s for s in shared if s not in kept]
    rows = [label for label in x_labels if label not in shared]
    columns = [label for label in y_labels if label not in shared]
    extent = dict(zip((*x_labels, *y_labels), x._data.shape + y._data.shape, strict=True))
    sizes = [tuple([extent[s] for s in part]) for part in (batch, rows, inner, columns)]
    of_batch, of_rows, of_inner, of_columns = sizes
    x = _shaped(_arranged(x, x_labels, batch + rows + inner), (*of_batch, prod(of_rows), prod(of_inner)))
    y = _shaped(_arranged(y, y_labels, batch + inner + columns), (*of_batch, prod(of_inner),
                                                                  prod(of_columns)))
    z = matmul(x, y) if inner else x * y        # (..., rows, 1) * (..., 1, columns)
    return _shaped(z, of_batch + of_rows + of_columns), (*batch, *rows, *columns)


def _shaped(x, shape):
    return x if x._data.shape == shape else reshape(x, shape)
