"""A gradient rule made of elementwise ops is scalar code: here it becomes one kernel.

The rule is called once with symbols; what it does to them is written down as the source of a scalar body.
"""
from numbaflow.kernels import jit
from numbaflow.kernels.elementwise import Elementwise


class NotFusible(Exception):
    """The rule does something that is no elementwise op."""


class Symbol:
    """A value inside a rule while it is written down: a leaf, or an elementwise op on symbols and numbers."""

    __slots__ = ("arguments", "name", "op")
    __array_priority__ = 200
    __hash__ = object.__hash__

    def __init__(self, name=None, op=None, arguments=()):
        self.name, self.op, self.arguments = name, op, arguments

    def __bool__(self):
        raise NotFusible("a rule that branches on a value")


def apply(op, *arguments):
    """The symbol of an elementwise op on symbols and Python numbers."""
    for a in arguments:
        if not isinstance(a, (Symbol, int, float)):
            raise NotFusible(f"{op.name} of {type(a).__name__}")
    return Symbol(op=op, arguments=arguments)


def install_operator(name, op, reflected):
    """Give symbols the operator that tensors have."""
    if len(op.inputs) == 1:
        setattr(Symbol, name, lambda x: apply(op, x))
    else:
        setattr(Symbol, name, lambda x, y: apply(op, x, y))
        if reflected:
            setattr(Symbol, reflected, lambda y, x: apply(op, x, y))


_INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}


def _write(symbol, names, lines, scope):
    """The name of a symbol's value, after the lines that compute it."""
    if not isinstance(symbol, Symbol):
        return repr(float(symbol)).replace("inf", "1e999")
    if symbol in names:
        return names[symbol]
    values = [_write(a, names, lines, scope) for a in symbol.arguments]
    if symbol.op.name in _INFIX:
        text = f"{values[0]} {_INFIX[symbol.op.name]} {values[1]}"
    elif symbol.op.kernel is None:
        raise NotFusible(symbol.op.name)
    else:
        body = f"body_{symbol.op.name}"
        scope[body] = symbol.op.kernel.function
        text = f"{body}({', '.join(values)})"
    names[symbol] = f"t{len(lines)}"
    lines.append(f"    {names[symbol]} = {text}")
    return names[symbol]


def fuse(rule, arguments, letters, name, add=None):
    """One kernel for a rule of the named arguments, or None; an argument's name where the rule returns that.

    `letters` says for each argument whether it is x, of the gradient's dtype, or ? for bool.  With the op
    `add`, the kernel takes one operand more, which it adds: the gradient that came another way.
    """
    leaves = [Symbol(name=a) for a in arguments]
    names, lines, scope = {leaf: leaf.name for leaf in leaves}, [], {"__name__": __name__}
    try:
        result = rule(*leaves)
        if not isinstance(result, Symbol):
            return None
        if result in names:
            return result.name
        if add is not None:
            more = Symbol(name="_more")
            names[more], arguments, letters = "_more", [*arguments, "_more"], [*letters, "x"]
            result = apply(add, more, result)
        last = _write(result, names, lines, scope)
    except Exception:           # whatever a rule can't do with symbols, it does with tensors
        return None
    source = "\n".join([f"def {name}({', '.join(arguments)}):", *lines, f"    return {last}"])
    exec(source, scope)
    return Elementwise(name, jit.body(scope[name]), f"{''.join(letters)}->x", "f")
