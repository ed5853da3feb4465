"""Loops over addresses and scalar bodies, from Python's syntax tree straight to LLVM code.

The one idea: generated kernels and the bodies they call are a small part of Python with one type a name, so no
inference is needed: a kernel of thirty bodies is LLVM code within milliseconds, where Numba's front end takes
that long for each body.  What is not of that part raises `Untranslatable`, and Numba compiles it.
"""
import ast
import dis
import inspect
import linecache
import textwrap
import types as python_types

import numba
import numpy as np
from llvmlite import ir
from numba import types

from . import jit
from .elementwise import _AT

I1, I8, I32, I64 = (ir.IntType(n) for n in (1, 8, 32, 64))
_LLVM = {"bool": I1, "float32": ir.FloatType(), "float64": ir.DoubleType(),
         **{f"{sign}int{n}": ir.IntType(n) for sign in ("", "u") for n in (8, 16, 32, 64)}}
_FAST, _EXACT = ("contract", "nsz", "arcp", "afn", "reassoc"), ("contract",)
_POINTERS = {id(made): name for name, made in _AT.items()}
_ARITHMETIC = {ast.Add: ("fadd", "add"), ast.Sub: ("fsub", "sub"), ast.Mult: ("fmul", "mul"), ast.Div: ("fdiv", None)}
_BITWISE = {ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor"}
_COMPARISONS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
_FLAGGED = frozenset(("fadd", "fsub", "fmul", "fdiv", "frem", "fneg"))
_INTRINSICS = {np.abs: "fabs", abs: "fabs", np.sqrt: "sqrt", np.floor: "floor", np.ceil: "ceil", np.trunc: "trunc",
               np.rint: "rint"}

_TELLING = frozenset(("LOAD_FAST", "LOAD_CONST", "BINARY_OP", "COMPARE_OP", "STORE_FAST", "RETURN_VALUE"))


class Untranslatable(Exception):
    """Python that this does not know."""


class Number:
    """An LLVM value and the name of its type; `known` is the Python number where it is one."""

    __slots__ = ("kind", "known", "value")

    def __init__(self, value, kind, known=None):
        self.value, self.kind, self.known = value, kind, known


class Pointer:
    """An address of elements, and which of the kernel's memory it is."""

    __slots__ = ("kind", "memory", "value")

    def __init__(self, value, kind, memory):
        self.value, self.kind, self.memory = value, kind, memory


def _is_float(kind):
    return kind[0] == "f"


def constant(x):
    """A Python or NumPy number as a value."""
    if isinstance(x, (bool, np.bool_)):
        return Number(ir.Constant(I1, int(x)), "bool", bool(x))
    if isinstance(x, int):
        return Number(ir.Constant(I64, x), "int64", x)
    if isinstance(x, float) and not isinstance(x, np.generic):
        return Number(ir.Constant(_LLVM["float64"], x), "float64", x)
    kind = getattr(getattr(x, "dtype", None), "name", None)
    if isinstance(x, np.generic) and kind in _LLVM:
        return Number(ir.Constant(_LLVM[kind], x.item()), kind, x.item())
    raise Untranslatable(f"the constant {x!r}")


# ---- source
_trees: dict = {}


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


def _is_source(tree, code):
    bare = ast.Module([ast.FunctionDef(tree.name, tree.args, tree.body, [], None, lineno=1, col_offset=0)], [])
    made = compile(ast.fix_missing_locations(bare), "", "exec")
    found = next(c for c in made.co_consts if isinstance(c, python_types.CodeType))
    names, *rest = _essence(found)
    expected, *others = _essence(code)
    free = set(code.co_freevars)                # globals, where the definition stands alone
    return [n for n in names if n not in free] == [n for n in expected if n not in free] and rest == others


def _essence(code):
    """What two compilations of one text have in common: calls of a module's functions look different alone."""
    kept = [(i.opcode, i.argval) for i in dis.get_instructions(code) if i.opname in _TELLING]
    return code.co_names, repr(code.co_consts), code.co_varnames, repr(kept)


def _is_literal(node):
    return isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant))


def _folded(node):
    """The value of an expression of two constants, as Python's compiler works it out."""
    text = ast.fix_missing_locations(ast.Expression(node))
    try:
        return eval(compile(text, "", "eval"))
    except ArithmeticError:
        raise Untranslatable("a constant that can't be worked out") from None


# ---- translation
class Translation:
    """One kernel  name(args, lo, hi)  as an LLVM module."""

    def __init__(self, symbol, tree, scope):
        self.module = ir.Module(symbol)
        kind = ir.FunctionType(ir.VoidType(), [I64.as_pointer(), I64, I64])
        self.function = ir.Function(self.module, kind, symbol)
        self.entry = self.function.append_basic_block("entry")
        self.builder = ir.IRBuilder(self.function.append_basic_block("body"))
        self.memories, self.accesses, self.tables = {}, [], {}
        args, lo, hi = self.function.args
        names = [a.arg for a in tree.args.args]
        known = dict(zip(names, (Pointer(args, "int64", "args"), Number(lo, "int64"), Number(hi, "int64")), strict=True))
        frame = Frame(self, scope, known, _EXACT, np.float64, _assigned(tree))
        frame.block(tree.body)
        self.builder.ret_void()
        ir.IRBuilder(self.entry).branch(self.function.blocks[1])
        self._say_what_differs()

    def slot(self, kind, count=None):
        """Memory on the stack."""
        entry = ir.IRBuilder(self.entry)
        return entry.alloca(kind if count is None else ir.ArrayType(kind, count))

    def table(self, array, kind):
        """An array's elements as a constant of the module."""
        name = f"table{len(self.tables)}"
        if id(array) not in self.tables:
            flat = ir.Constant(ir.ArrayType(_LLVM[kind], array.size), array.ravel().tolist())
            made = self.tables[id(array)] = ir.GlobalVariable(self.module, flat.type, name)
            made.initializer, made.global_constant, made.linkage = flat, True, "internal"
        return self.tables[id(array)]

    def _say_what_differs(self):
        """Tell LLVM that operands lie in memory of their own: it checks only a few pairs of addresses itself."""
        module = self.module
        domain = module.add_metadata([ir.MetaDataString(module, "operands")])
        scopes = {m: module.add_metadata([ir.MetaDataString(module, m), domain])
                  for m in dict.fromkeys(m for _, m in self.accesses)}
        own = {m: module.add_metadata([s]) for m, s in scopes.items()}
        others = {m: module.add_metadata([s for other, s in scopes.items() if other != m]) for m in scopes}
        for instruction, memory in self.accesses:
            instruction.set_metadata("alias.scope", own[memory])
            if len(scopes) > 1:
                instruction.set_metadata("noalias", others[memory])


def _assigned(tree):
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


def _returns(tree):
    return sum(isinstance(node, ast.Return) for node in ast.walk(tree))


class Frame:
    """A function being translated where it is called."""

    def __init__(self, translation, scope, known, flags, precision, counts):
        self.translation, self.scope, self.known = translation, scope, known
        self.flags, self.precision, self.counts = flags, precision, counts
        self.slots, self.result, self.end, self.nesting = {}, None, None, 0
        self.top = known.get("args") is not None
        for name, value in list(known.items()):
            if counts.get(name, 0) > 1:
                del known[name]
                self._assign(name, value)

    builder = property(lambda self: self.translation.builder)

    # ---- statements
    def block(self, statements):
        """Translate statements; True if they end in a return."""
        for s in statements:
            if getattr(self, f"_{type(s).__name__}", self._unknown)(s):
                return True
        return False

    def _nested(self, statements):
        before, self.nesting = dict(self.known), self.nesting + 1
        ended = self.block(statements)
        self.known, self.nesting = before, self.nesting - 1
        return ended

    def _unknown(self, node):
        raise Untranslatable(type(node).__name__)

    def _Expr(self, s):
        if isinstance(s.value, ast.Constant):
            return
        if not isinstance(s.value, ast.Call):
            raise Untranslatable("an expression for its effect")
        self.value(s.value)

    def _Pass(self, s):
        pass

    def _Assign(self, s):
        value = self.value(s.value)
        for target in s.targets:
            self._store(target, value)

    def _AugAssign(self, s):
        load = ast.Name(s.target.id, ast.Load()) if isinstance(s.target, ast.Name) else None
        if load is None:
            raise Untranslatable("an update in place of an element")
        self._assign(s.target.id, self.value(ast.BinOp(load, s.op, s.value)))

    def _store(self, target, value):
        if isinstance(target, ast.Name):
            self._assign(target.id, value)
        elif isinstance(target, ast.Tuple):
            if not isinstance(value, list) or len(value) != len(target.elts):
                raise Untranslatable("what does not unpack")
            for t, v in zip(target.elts, value, strict=True):
                self._store(t, v)
        elif isinstance(target, ast.Subscript):
            pointer = self.value(target.value)
            if not isinstance(pointer, Pointer):
                raise Untranslatable("an assignment to an element of no pointer")
            stored = self.cast(value, pointer.kind).value
            self._accessed(self.builder.store(stored, self._element(pointer, target.slice)), pointer)
        else:
            raise Untranslatable(type(target).__name__)

    def _assign(self, name, value):
        if self.counts.get(name, 0) <= 1 or not isinstance(value, Number):
            if self.counts.get(name, 0) > 1:
                raise Untranslatable(f"{name}, which changes and is no number")
            self.known[name] = value
            return
        if name not in self.slots or (self.nesting == 0 and self.slots[name][1] != value.kind):
            self.slots[name] = self.translation.slot(_LLVM[value.kind]), value.kind
        slot, kind = self.slots[name]
        if kind != value.kind:
            raise Untranslatable(f"{name}, which is {kind} and then {value.kind}")
        self.builder.store(value.value, slot)

    def _If(self, s):
        builder, translation = self.builder, self.translation
        test = self.truth(self.value(s.test))
        yes, no, after = (translation.function.append_basic_block(n) for n in ("then", "else", "after"))
        builder.cbranch(test, yes, no)
        ended = []
        for block, statements in ((yes, s.body), (no, s.orelse)):
            builder.position_at_end(block)
            ended.append(self._nested(statements))
            if not ended[-1]:
                builder.branch(after)
        builder.position_at_end(after)
        if all(ended):
            builder.unreachable()
            return True
        return False

    def _For(self, s):
        if not (isinstance(s.iter, ast.Call) and isinstance(s.iter.func, ast.Name) and s.iter.func.id == "range"
                and not s.orelse and isinstance(s.target, ast.Name)):
            raise Untranslatable("a loop over what is no range")
        bounds = [self.cast(self.value(a), "int64").value for a in s.iter.args]
        start = bounds[0] if len(bounds) > 1 else ir.Constant(I64, 0)
        stop, step = bounds[min(1, len(bounds) - 1)], bounds[2] if len(bounds) > 2 else ir.Constant(I64, 1)
        if len(bounds) > 2 and not (isinstance(step, ir.Constant) and step.constant > 0):
            raise Untranslatable("a loop of a step that is not known to be positive")
        builder, function = self.builder, self.translation.function
        if s.target.id not in self.slots:
            self.slots[s.target.id] = self.translation.slot(I64), "int64"
        slot = self.slots[s.target.id][0]
        head, body, after = (function.append_basic_block(n) for n in ("head", "loop", "after"))
        counter = self.translation.slot(I64)
        builder.store(start, counter)
        builder.branch(head)
        builder.position_at_end(head)
        i = builder.load(counter)
        builder.cbranch(builder.icmp_signed("<", i, stop), body, after)
        builder.position_at_end(body)
        builder.store(i, slot)
        if not self._nested(s.body):
            builder.store(builder.add(i, step, flags=("nsw",)), counter)
            builder.branch(head)
        builder.position_at_end(after)

    def _Return(self, s):
        value = self.value(s.value)
        if self.end is None:
            self.result = value
            return True
        self._keep_result(value)
        self.builder.branch(self.end)
        return True

    def _keep_result(self, value):
        parts = value if isinstance(value, list) else [value]
        if self.result is None:
            self.result = [(self.translation.slot(_LLVM[p.kind]), p.kind) for p in parts], isinstance(value, list)
        slots, is_list = self.result
        if len(slots) != len(parts) or is_list != isinstance(value, list):
            raise Untranslatable("results of different kinds")
        for (slot, kind), p in zip(slots, parts, strict=True):
            if p.kind != kind:
                raise Untranslatable(f"a result that is {kind} or {p.kind}")
            self.builder.store(p.value, slot)

    # ---- expressions
    def value(self, node):
        """The value of an expression: a number, a pointer, a list for a tuple, or a Python object."""
        return getattr(self, f"_{type(node).__name__}", self._unknown)(node)

    def _Constant(self, node):
        if type(node.value) is float:
            return constant(self.precision(node.value) if self.precision is np.float32 else node.value)
        return constant(node.value)

    def _Name(self, node):
        name = node.id
        if name in self.slots:
            slot, kind = self.slots[name]
            return Number(self.builder.load(slot), kind)
        if name in self.known:
            return self.known[name]
        builtins = self.scope.get("__builtins__", {})
        found = self.scope.get(name, self.scope)
        if found is self.scope:
            found = getattr(builtins, name, self.scope) if not isinstance(builtins, dict) else builtins.get(
                name, self.scope)
        if found is self.scope:
            raise Untranslatable(f"the name {name}")
        return constant(found) if isinstance(found, (bool, int, float, np.generic)) else found

    def _Attribute(self, node):
        holder = self.value(node.value)
        if isinstance(holder, Number) and node.attr in ("real", "imag") and holder.kind != "bool":
            return holder if node.attr == "real" else self.cast(constant(0), holder.kind)
        if not isinstance(holder, python_types.ModuleType) or not hasattr(holder, node.attr):
            raise Untranslatable(f"the attribute {node.attr}")
        found = getattr(holder, node.attr)
        return constant(found) if isinstance(found, (bool, int, float, np.generic)) else found

    def _Tuple(self, node):
        return [self.value(e) for e in node.elts]

    def _Subscript(self, node):
        pointer = self.value(node.value)
        if isinstance(pointer, np.ndarray):
            return self._entry(pointer, self.value(node.slice))
        if isinstance(pointer, (tuple, list)):
            return self._part(pointer, self.number(self.value(node.slice)).known)
        if not isinstance(pointer, Pointer):
            raise Untranslatable("an element of no pointer")
        return Number(self._accessed(self.builder.load(self._element(pointer, node.slice)), pointer), pointer.kind)

    def _entry(self, array, index):
        """An element of a table, which becomes a constant of the module."""
        kind, at = array.dtype.name, ir.Constant(I64, 0)
        index = index if isinstance(index, list) else [index]
        if kind not in _LLVM or len(index) != array.ndim:
            raise Untranslatable(f"a part of an array of {kind}")
        for n, k in zip(array.shape, index, strict=True):
            at = self.builder.add(self.builder.mul(at, ir.Constant(I64, n)), self.cast(k, "int64").value)
        table = self.translation.table(array, kind)
        return Number(self.builder.load(self.builder.gep(table, [ir.Constant(I64, 0), at], inbounds=True)), kind)

    def _part(self, values, index):
        if index is None or not -len(values) <= index < len(values):
            raise Untranslatable("an element of a tuple that is not known")
        part = values[index]
        return part if isinstance(values, list) else constant(part)

    def _element(self, pointer, index):
        at = self.cast(self.number(self.value(index)), "int64").value
        return self.builder.gep(pointer.value, [at], inbounds=True)

    def _accessed(self, instruction, pointer):
        if pointer.memory != "args":
            self.translation.accesses.append((instruction, pointer.memory))
        return instruction

    def _UnaryOp(self, node):
        x = self.number(self.value(node.operand))
        if isinstance(node.op, ast.Not):
            return Number(self.builder.not_(self.truth(x)), "bool")
        if isinstance(node.op, ast.USub):
            if x.known is not None and x.kind in ("int64", "float64", "float32"):
                return Number(ir.Constant(_LLVM[x.kind], -x.known), x.kind, -x.known)
            if _is_float(x.kind):
                return Number(self._flagged(self.builder.fneg(x.value)), x.kind)
            if x.kind.startswith("int"):
                return Number(self.builder.neg(self.cast(x, "int64").value), "int64")
        raise Untranslatable(f"{type(node.op).__name__} of {x.kind}")

    def _flagged(self, instruction):
        """Put the function's floating-point flags on an instruction."""
        if getattr(instruction, "opname", None) in _FLAGGED:
            instruction.flags = list(self.flags)
        return instruction

    def _BinOp(self, node):
        if _is_literal(node.left) and _is_literal(node.right):
            return self._Constant(ast.Constant(_folded(node)))
        x, y = self.number(self.value(node.left)), self.number(self.value(node.right))
        how = type(node.op)
        if how in _BITWISE and x.kind == y.kind == "bool":
            return Number(getattr(self.builder, _BITWISE[how])(x.value, y.value), "bool")
        kind = self._common(x, y)
        a, b = self.cast(x, kind).value, self.cast(y, kind).value
        if how in _BITWISE and not _is_float(kind):
            return Number(getattr(self.builder, _BITWISE[how])(a, b), kind)
        if how in (ast.FloorDiv, ast.Mod) and not _is_float(kind):
            return Number(self._floored(how, a, b, kind), kind)
        names = _ARITHMETIC.get(how)
        if names is None or (not _is_float(kind) and names[1] is None):
            raise Untranslatable(f"{how.__name__} of {kind}")
        if _is_float(kind):
            return Number(self._flagged(getattr(self.builder, names[0])(a, b)), kind)
        flags = ("nsw",) if self.top else ()
        return Number(getattr(self.builder, names[1])(a, b, flags=flags), kind)

    def _floored(self, how, a, b, kind):
        """a // b or a % b of integers, as Python rounds; b is not 0."""
        builder = self.builder
        if kind == "uint64":
            return (builder.udiv if how is ast.FloorDiv else builder.urem)(a, b)
        zero, rest = ir.Constant(I64, 0), builder.srem(a, b)
        differ = builder.icmp_signed("!=", builder.icmp_signed("<", rest, zero), builder.icmp_signed("<", b, zero))
        below = builder.and_(builder.icmp_signed("!=", rest, zero), differ)
        if how is ast.FloorDiv:
            return builder.sub(builder.sdiv(a, b), builder.zext(below, I64))
        return builder.add(rest, builder.select(below, b, zero))

    def _common(self, x, y):
        """The type that Numba computes in for numbers of two types."""
        if x.kind == y.kind and _is_float(x.kind):
            return x.kind
        if _is_float(x.kind) and _is_float(y.kind):
            return "float64"
        if _is_float(x.kind) or _is_float(y.kind):
            other = y if _is_float(x.kind) else x
            if other.kind not in ("int64", "int32"):
                raise Untranslatable(f"{x.kind} with {y.kind}")
            return "float64"
        if x.kind.startswith("int") and y.kind.startswith("int"):
            return "int64"
        if x.kind.startswith("uint") and y.kind.startswith("uint"):
            return "uint64"
        raise Untranslatable(f"{x.kind} with {y.kind}")

    def _Compare(self, node):
        left, found = self.number(self.value(node.left)), None
        for op, right in zip(node.ops, node.comparators, strict=True):
            if type(op) not in _COMPARISONS:
                raise Untranslatable("a comparison")
            right = self.number(self.value(right))
            made = self._compared(_COMPARISONS[type(op)], left, right)
            found = made if found is None else Number(self.builder.and_(found.value, made.value), "bool")
            left = right
        return found

    def _compared(self, how, x, y):
        builder = self.builder
        if x.kind == "bool" or y.kind == "bool":
            if how not in ("==", "!="):
                raise Untranslatable("an order of truth values")
            x, y = (self.cast(v, "bool") if v.known in (0, 1) else v for v in (x, y))
            if x.kind != y.kind:
                raise Untranslatable(f"{x.kind} {how} {y.kind}")
            return Number(builder.icmp_unsigned(how, x.value, y.value), "bool")
        small = {"uint8", "uint16", "uint32"}
        if x.kind == y.kind == "uint64":
            return Number(builder.icmp_unsigned(how, x.value, y.value), "bool")
        if not _is_float(x.kind) and not _is_float(y.kind) and {x.kind, y.kind} & small:
            kind = "int64"
            if "uint64" in (x.kind, y.kind):
                raise Untranslatable("uint64")
        else:
            kind = self._common(x, y)
        a, b = self.cast(x, kind).value, self.cast(y, kind).value
        if not _is_float(kind):
            return Number(builder.icmp_signed(how, a, b), "bool")
        made = builder.fcmp_unordered(how, a, b) if how == "!=" else builder.fcmp_ordered(how, a, b)
        return Number(made, "bool")

    def _BoolOp(self, node):
        # (both sides are numbers without effects: no branch)
        found = self.truth(self.value(node.values[0]))
        for v in node.values[1:]:
            other = self.truth(self.value(v))
            found = self.builder.and_(found, other) if isinstance(node.op, ast.And) else self.builder.or_(found, other)
        return Number(found, "bool")

    def _IfExp(self, node):
        test = self.truth(self.value(node.test))
        x, y = self.number(self.value(node.body)), self.number(self.value(node.orelse))
        kind = x.kind if x.kind == y.kind else self._common(x, y)
        return Number(self.builder.select(test, self.cast(x, kind).value, self.cast(y, kind).value), kind)

    def number(self, value):
        if not isinstance(value, Number):
            raise Untranslatable(f"{type(value).__name__} where a number belongs")
        return value

    def truth(self, value):
        return self.cast(self.number(value), "bool").value

    def cast(self, x, kind):
        """A number in another type."""
        x = self.number(x)
        if x.kind == kind:
            return x
        to, builder = _LLVM[kind], self.builder
        if x.known is not None and (_is_float(kind) or kind == "int64") and not (
                _is_float(x.kind) and not _is_float(kind)):
            known = float(np.float32(x.known)) if kind == "float32" else (
                float(x.known) if _is_float(kind) else int(x.known))
            return Number(ir.Constant(to, known), kind, known)
        signed = x.kind.startswith("int")
        if kind == "bool":
            zero = ir.Constant(_LLVM[x.kind], 0)
            made = (builder.fcmp_unordered if _is_float(x.kind) else builder.icmp_unsigned)("!=", x.value, zero)
        elif _is_float(x.kind):
            if _is_float(kind):
                made = builder.fpext(x.value, to) if kind == "float64" else builder.fptrunc(x.value, to)
            else:
                made = (builder.fptosi if kind.startswith("int") else builder.fptoui)(x.value, to)
        elif _is_float(kind):
            made = (builder.sitofp if signed else builder.uitofp)(x.value, to)
        elif _LLVM[x.kind].width == to.width:
            made = x.value
        elif _LLVM[x.kind].width > to.width:
            made = builder.trunc(x.value, to)
        else:
            made = (builder.sext if signed else builder.zext)(x.value, to)
        return Number(made, kind)

    # ---- calls
    def _Call(self, node):
        if node.keywords:
            raise Untranslatable("a keyword argument")
        function = self.value(node.func)
        if isinstance(function, (Number, Pointer, list)):
            raise Untranslatable("a call of a number")
        arguments = [self.value(a) for a in node.args]
        return self.call(function, arguments)

    def call(self, function, arguments):
        """What a function gives for translated arguments."""
        if id(function) in _POINTERS:
            return self._pointer(_POINTERS[id(function)], *arguments)
        if function is jit.wide_vectors:
            if jit._prefers_wide_vectors():
                set.add(self.translation.function.attributes, '"prefer-vector-width"="512"')
            return None
        if hasattr(function, "kept"):
            return self._kept(*function.kept)
        kind = self._type(function)
        if kind is not None:
            return self.cast(arguments[0], kind)
        numbers = [self.number(a) for a in arguments]
        if function in (min, max) and len(numbers) == 2 and not any(_is_float(x.kind) for x in numbers):
            first = self._compared("<" if function is min else ">", *numbers).value
            a, b = (self.cast(x, "int64").value for x in numbers)
            return Number(self.builder.select(first, a, b), "int64")
        if isinstance(function, np.ufunc) or function is abs:
            return self._intrinsic(function, numbers)
        if hasattr(function, "_defn"):
            return self._numba_intrinsic(function, numbers)
        return self._inline(function, numbers)

    def _pointer(self, kind, address):
        stored = "uint8" if kind == "bool" else kind
        if stored not in _LLVM:
            raise Untranslatable(kind)
        memory = f"operand{len(self.translation.memories)}"
        self.translation.memories[memory] = stored
        return Pointer(self.builder.inttoptr(self.number(address).value, _LLVM[stored].as_pointer()), stored, memory)

    def _kept(self, dtype, size):
        stored = "uint8" if dtype == "bool" else dtype
        if stored not in _LLVM:
            raise Untranslatable(dtype)
        room = self.translation.slot(_LLVM[stored], size)
        room.align = 64
        memory = f"operand{len(self.translation.memories)}"
        self.translation.memories[memory] = stored
        return Pointer(self.builder.bitcast(room, _LLVM[stored].as_pointer()), stored, memory)

    @staticmethod
    def _type(function):
        if isinstance(function, types.Type):
            name = str(function)
        elif isinstance(function, type) and issubclass(function, np.number):
            name = np.dtype(function).name
        else:
            name = {float: "float64", bool: "bool", int: "int64"}.get(function) if isinstance(function, type) else None
        if name is not None and name not in _LLVM:
            raise Untranslatable(name)
        return name

    def _intrinsic(self, function, numbers):
        kinds = {x.kind for x in numbers}
        if function is np.fmod and len(kinds) == 1 and _is_float(numbers[0].kind):
            return Number(self._flagged(self.builder.frem(*[x.value for x in numbers])), numbers[0].kind)
        if function in (np.abs, abs) and numbers[0].kind.startswith("int"):
            x = self.cast(numbers[0], "int64").value
            below = self.builder.icmp_signed("<", x, ir.Constant(I64, 0))
            return Number(self.builder.select(below, self.builder.neg(x), x), "int64")
        if function is np.conj and "bool" not in kinds:
            return numbers[0]
        name = _INTRINSICS.get(function)
        if name is None or len(numbers) != 1 or not _is_float(numbers[0].kind):
            raise Untranslatable(getattr(function, "__name__", "a ufunc"))
        x = numbers[0]
        made = self.translation.module.declare_intrinsic(f"llvm.{name}", [x.value.type])
        return Number(self.builder.call(made, [x.value]), x.kind)

    def _numba_intrinsic(self, function, numbers):
        try:
            sig, codegen = function._defn(None, *[getattr(types, x.kind) for x in numbers])
            made = codegen(None, self.builder, sig, [x.value for x in numbers])
            kind = str(sig.return_type)
        except (AttributeError, TypeError):             # it asks Numba for more
            raise Untranslatable("an intrinsic") from None
        if kind not in _LLVM:
            raise Untranslatable(kind)
        return Number(made, kind)

    def _emitted(self, emit, numbers):
        """What an emitter of LLVM code gives, with this function's flags as Numba puts them."""
        kind = "float32" if all(x.kind == "float32" for x in numbers) else "float64"
        values = [self.cast(x, kind).value for x in numbers]
        block, before = self.builder.block, len(self.builder.block.instructions)
        made = emit(self.builder, *values)
        for instruction in block.instructions[before:]:
            self._flagged(instruction)
        return Number(made, "float32" if made.type == _LLVM["float32"] else "float64")

    def _inline(self, function, numbers):
        """A function's code in the place of its call."""
        variants = getattr(function, "variants", {})
        if "llvm" in variants:
            return self._emitted(variants["llvm"], numbers)
        flags, precision = self.flags, np.float64
        if isinstance(function, numba.core.dispatcher.Dispatcher):
            chosen = function.py_func
            fast = function.targetoptions.get("fastmath") or ()
            flags = tuple(f for f in _FAST if fast is True or f in fast)
        elif hasattr(function, "exact"):
            kinds = [getattr(types, x.kind) if x.kind != "bool" else types.boolean for x in numbers]
            flags = _EXACT if function.exact else _FAST
            chosen, precision = variants.get(jit._kind(kinds), function), jit._precision(kinds)
        else:
            raise Untranslatable(getattr(function, "__name__", repr(function)))
        if chosen.__closure__ or chosen.__defaults__:
            scope = dict(chosen.__globals__)
            scope.update(zip(chosen.__code__.co_freevars, [c.cell_contents for c in chosen.__closure__ or ()], strict=True))
        else:
            scope = chosen.__globals__
        tree = tree_of(chosen)
        names = [a.arg for a in tree.args.args]
        if len(names) != len(numbers) or tree.args.vararg or tree.args.kwonlyargs:
            raise Untranslatable(f"{chosen.__name__} of {len(numbers)} arguments")
        frame = Frame(self.translation, scope, dict(zip(names, numbers, strict=True)), flags, precision, _assigned(tree))
        return frame.run(tree)

    def run(self, tree):
        """The value that the function returns."""
        if _returns(tree) > 1 or not isinstance(tree.body[-1], ast.Return):
            self.end = self.translation.function.append_basic_block("end")
        ended = self.block(tree.body)
        if not ended:
            raise Untranslatable(f"{tree.name}, which may return nothing")
        if self.end is None:
            return self.result
        # (an `if` whose branches both return leaves an unreachable block behind)
        self.builder.position_at_end(self.end)
        slots, is_list = self.result
        values = [Number(self.builder.load(slot), kind) for slot, kind in slots]
        return values if is_list else values[0]


