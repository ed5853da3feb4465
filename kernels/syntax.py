"""The syntax trees of functions, from the files of their source, and what a translation asks of them."""
import ast
import dis
import inspect
import linecache
import textwrap
import types as python_types

_TELLING = frozenset(("LOAD_FAST", "LOAD_CONST", "BINARY_OP", "COMPARE_OP", "STORE_FAST", "RETURN_VALUE"))
_trees: dict = {}               # code -> its tree


class Untranslatable(Exception):
    """Python that this does not know."""


def tree_of(function):
    """The syntax tree of a function, from its file where that still holds the code it was made of."""
    code = function.__code__
    if code not in _trees:
        lines = linecache.getlines(code.co_filename, function.__globals__)
        if not lines:
            raise Untranslatable(f"{function.__name__}: no source")
        try:
            block = inspect.getblock(lines[code.co_firstlineno - 1:])
            tree = ast.parse(textwrap.dedent("".join(block))).body[0]
        except (SyntaxError, IndexError) as error:
            raise Untranslatable(f"{function.__name__}: {error}") from None
        if not isinstance(tree, ast.FunctionDef) or not _is_source(tree, code):
            raise Untranslatable(f"{function.__name__}: its source has changed or is no definition")
        _trees[code] = tree
    return _trees[code]


def scope_of(function):
    """What the names in a function stand for, its own apart."""
    if not function.__closure__:
        return function.__globals__
    cells = [c.cell_contents for c in function.__closure__]
    return {**function.__globals__, **dict(zip(function.__code__.co_freevars, cells, strict=True))}


def _is_source(tree, code):
    alone = ast.FunctionDef(tree.name, tree.args, tree.body, [], None, lineno=1, col_offset=0)
    bare = ast.Module([alone], [])
    made = compile(ast.fix_missing_locations(bare), "", "exec")
    found = next(c for c in made.co_consts if isinstance(c, python_types.CodeType))
    names, *rest = _essence(found)
    expected, *others = _essence(code)
    free = set(code.co_freevars)                # globals, where the definition stands alone
    return [n for n in names if n not in free] == [n for n in expected if n not in free] and rest == others


def _essence(code):
    """What compilations of one text have in common: calls of a module's functions differ."""
    kept = [(i.opcode, i.argval) for i in dis.get_instructions(code) if i.opname in _TELLING]
    # (what stands in a function is dedented, and so is its docstring)
    consts = [inspect.cleandoc(c) if isinstance(c, str) else c for c in code.co_consts]
    return code.co_names, repr(consts), code.co_varnames, repr(kept)


# ---- questions
def is_literal(node):
    """Whether a node is a number, with or without a sign."""
    return isinstance(node.operand if isinstance(node, ast.UnaryOp) else node, ast.Constant)


def is_known(node):
    """Whether a node is a literal or a name: nothing is to be worked out."""
    return isinstance(node, ast.Name) or is_literal(node)


def folded(node):
    """The value of an expression of two constants, as Python's compiler works it out."""
    text = ast.fix_missing_locations(ast.Expression(node))
    try:
        return eval(compile(text, "", "eval"))
    except ArithmeticError:
        raise Untranslatable("a constant that can't be worked out") from None


def assigned(tree):
    """How often each name is assigned."""
    counts = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            counts[node.id] = counts.get(node.id, 0) + 1
        elif isinstance(node, (ast.For, ast.AugAssign)) and isinstance(node.target, ast.Name):
            counts[node.target.id] = counts.get(node.target.id, 0) + 2
    for a in tree.args.args:
        counts[a.arg] = counts.get(a.arg, 0) + 1
    return counts


def returns(tree):
    return sum(isinstance(node, ast.Return) for node in ast.walk(tree))
