"""Shapes of results from shapes of operands; extents are whatever computes and compares like ints."""


def broadcast(first, second):
    """The shape that two shapes broadcast to."""
    if type(first) is tuple and first == second:
        return first
    short, long = sorted((first, second), key=len)
    lead = len(long) - len(short)
    found = list(long[:lead])
    for m, n in zip(short, long[lead:], strict=True):
        if m == n or m == 1:
            found.append(n)
        elif n == 1:
            found.append(m)
        else:
            raise ValueError(f"shapes {first} and {second} do not broadcast")
    return tuple(found)
