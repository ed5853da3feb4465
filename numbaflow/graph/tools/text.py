"""Graphs for the eye: lines of text, one a node, and drawings.

A value is called %number by its place in the graph; the graph before and the one after rewriting count each
for itself.
"""
import inspect
import os
import shutil
import subprocess

import numpy as np

from numbaflow.graph import ir


class Names:
    """What the values of a graph are called."""

    def __init__(self, graph):
        values = [v for node in graph.nodes for v in node.outputs]
        self._names = {v: f"%{k}" for k, v in enumerate(values)}

    def __call__(self, values):
        return ", ".join([self._names[v] for v in values])


def type_text(value):
    """A value's dtype and shape, as in float32[2, 3]."""
    return f"{value.dtype.name}[{', '.join(map(str, value.shape))}]"


def place_text(where):
    """A line of code as file:line, without its folder."""
    return os.path.basename(where) if where else ""


def graph_lines(graph, results, assigned=()):
    """The lines of a graph whose first `results` outputs are returned; `assigned` are names of variables."""
    names, lines = Names(graph), []
    for node in graph.nodes:
        left = f"{names(node.outputs)}: {', '.join(map(type_text, node.outputs))}" if node.outputs else ""
        line = f"{left} = {_call_text(node, names)}" if left else _call_text(node, names)
        lines.append(f"{line:<72}  # {place_text(node.where)}" if node.where else line)
        lines += [f"    {step}" for step in inner_lines(node)]
    lines.append(f"return {names(graph.outputs[:results])}".rstrip())
    lines += [f"assign {name} = {names([v])}"
              for name, v in zip(assigned, graph.outputs[results:], strict=True)]
    return lines


def _call_text(node, names):
    if node.op is ir.INPUT:
        return f"input {node.attributes.get('name') or ''}".rstrip()
    if node.op is ir.CONSTANT:
        return f"constant {_value_text(node.attributes['value'])}"
    name = node.attributes["kernel"].name if node.op is ir.FUSED else node.op.name
    parts = [names(node.inputs)] if node.inputs else []
    parts += [f"{key}={_value_text(value)}" for key, value in attributes(node).items()]
    return f"{name}({', '.join(parts)})"


def attributes(node):
    """The attributes of a node that differ from what the op takes them for by itself."""
    if node.op is ir.FUSED:
        return {}
    function = getattr(node.op, "function", None)
    usual = {} if function is None else {
        name: p.default for name, p in inspect.signature(function).parameters.items()}
    return {key: value for key, value in node.attributes.items()
            if value is not None and not (key in usual and _same(usual[key], value))}


def _same(a, b):
    return a is b or (isinstance(a, (bool, int, float, str)) and type(a) is type(b) and a == b)


def _value_text(value):
    if isinstance(value, np.ndarray):
        if value.size == 1:
            return str(value.reshape(()).item())
        return f"{value.dtype.name}{list(value.shape)}"
    if isinstance(value, np.dtype):
        return value.name
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    if hasattr(value, "graph"):
        return f"<{value.name}>"
    if isinstance(value, (list, tuple)):
        text = ", ".join(map(_value_text, value))
        return f"[{text}]" if isinstance(value, list) else f"({text}{',' * (len(value) == 1)})"
    return repr(value)


def inner_lines(node):
    """The steps of a fused kernel; the graphs of branches and bodies."""
    if node.op is ir.FUSED:
        return _step_lines(node.attributes["kernel"])
    lines = []
    for value in node.attributes.values():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(getattr(part, "graph", None), ir.Graph):
                inner = graph_lines(part.graph, len(part.graph.outputs))
                lines += [f"<{part.name}>:", *["    " + line for line in inner]]
    return lines


def _step_lines(kernel):
    row = f", rows of {list(kernel.extents[-kernel.row:])}" if kernel.row else ""
    lines = [f"over {list(kernel.extents)}{row}"]
    for k, step in enumerate(kernel.steps):
        operands = ", ".join([f"t{o}" for o in step.operands])
        lines.append(f"t{k}: {step.dtype}{list(step.axes)} = {_step_text(step, operands)}")
    return [*lines, f"store {', '.join([f't{out.step}' for out in kernel.outputs])}"]


def program_text(concrete):
    """The graph of a function as it was traced and as it is run."""
    program = concrete.program
    assigned = [v.name for v in concrete.assigned]
    parts = [f"{concrete.name}: {concrete.arguments} arguments, reads {_names_of(concrete.reads)}, "
             f"assigns {_names_of(concrete.assigned)}"]
    for title, graph in (("traced", concrete.graph), ("rewritten", program.graph)):
        lines = graph_lines(graph, concrete.results, assigned)
        parts += ["", f"{title}, {len(graph.nodes)} nodes:", *["  " + line for line in lines]]
    return "\n".join(parts)


def _names_of(variables):
    return ", ".join([v.name for v in variables]) or "no variables"


def _step_text(step, operands):
    if step.kind == "reduce":
        how, axes, count = step.what
        return f"{'mean' if count is not None else how}({operands}, axes={list(axes)})"
    if step.kind == "update":
        return f"{step.what.__name__}({operands})"
    return {"input": f"input {step.what}", "literal": str(step.what), "apply": f"{step.what}({operands})",
            "part": f"{operands}[{step.what}]"}.get(step.kind, f"{step.kind}({operands})")


# ---- drawings
def dot_text(concrete):
    """The rewritten graph in graphviz's language."""
    graph = concrete.program.graph
    number = {node: k for k, node in enumerate(graph.nodes)}
    lines = [f"digraph {_quoted(concrete.name)} {{", "  node [shape=box, fontname=monospace, fontsize=10];"]
    for node, k in number.items():
        if node.op is ir.CONSTANT and node.attributes["value"].size == 1:
            label, style = _value_text(node.attributes["value"]), ", shape=plaintext"
        else:
            label = "\n".join([_title(node), *map(type_text, node.outputs), place_text(node.where)]).rstrip()
            style = ", style=filled, fillcolor=lightgrey" if node.op is ir.FUSED else ""
        lines.append(f"  n{k} [label={_quoted(label)}{style}];")
        lines += [f"  n{number[v.node]} -> n{k};" for v in node.inputs]
    ends = [f"result {k}" for k in range(concrete.results)] + [f"assign {v.name}" for v in concrete.assigned]
    for k, (end, v) in enumerate(zip(ends, graph.outputs, strict=True)):
        lines += [f"  r{k} [label={_quoted(end)}, shape=ellipse];", f"  n{number[v.node]} -> r{k};"]
    return "\n".join([*lines, "}"]) + "\n"


def _title(node):
    if node.op is ir.INPUT:
        return node.attributes.get("name") or "input"
    return node.attributes["kernel"].name if node.op is ir.FUSED else node.op.name


def _quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def save_plot(concrete, path):
    """Write a drawing: .dot as text; .png, .svg and .pdf by graphviz's `dot` program."""
    path, text = os.fspath(path), dot_text(concrete)
    kind = os.path.splitext(path)[1].lstrip(".").lower()
    if kind in ("dot", "gv"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return
    if kind not in ("png", "svg", "pdf"):
        raise ValueError(f"save_plot: {path!r} ends in .{kind}, expected .dot, .gv, .png, .svg or .pdf")
    program = shutil.which("dot")
    if program is None:
        raise RuntimeError(f"save_plot: .{kind} is drawn by graphviz's program dot, which is not installed "
                           "(apt install graphviz, brew install graphviz); .dot needs nothing")
    subprocess.run([program, f"-T{kind}", "-o", path], input=text.encode(), check=True)
