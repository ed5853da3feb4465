"""Nested structures: lists, tuples, named tuples and dicts of values.  Imports nothing."""


def is_nested(value):
    """Whether a value is a structure rather than a leaf."""
    return isinstance(value, (list, tuple, dict))


def _is_plain_list(structure):
    """Whether it is a list of leaves, as nearly always."""
    return type(structure) is list and not any(map(is_nested, structure))


def flatten(structure):
    """The leaves, in order; dicts by sorted key."""
    if _is_plain_list(structure):
        return structure.copy()
    if isinstance(structure, dict):
        return [leaf for key in ordered_keys(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in flatten(part)]
    return [structure]


def ordered_keys(mapping):
    """The keys of a dict in the order of its leaves."""
    try:
        return sorted(mapping)
    except TypeError:
        return list(mapping)


def pack(structure, leaves):
    """The structure with its leaves replaced, in order, by those given."""
    if _is_plain_list(structure):
        return list(leaves)
    return _packed(structure, iter(leaves))


def _packed(part, leaves):      # no closure: one that calls itself is a cycle that holds the leaves
    if isinstance(part, dict):
        made = {key: _packed(part[key], leaves) for key in ordered_keys(part)}
        return type(part)((key, made[key]) for key in part)
    if isinstance(part, tuple) and hasattr(part, "_fields"):
        return type(part)(*[_packed(p, leaves) for p in part])
    if isinstance(part, (list, tuple)):
        kind = type(part) if type(part) in (list, tuple) else list
        return kind([_packed(p, leaves) for p in part])
    return next(leaves)


def map_structure(function, structure, *others):
    """The structure of function applied to corresponding leaves."""
    columns = [flatten(s) for s in (structure, *others)]
    if any(len(c) != len(columns[0]) for c in columns):
        raise ValueError(f"structures of {', '.join(str(len(c)) for c in columns)} leaves do not match")
    return pack(structure, [function(*row) for row in zip(*columns, strict=True)])
