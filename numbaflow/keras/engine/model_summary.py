"""The table that Model.summary prints."""
from math import prod


def print_summary(model, line_length=None, positions=None, print_fn=None):
    """Print a model's layers with the shapes of their outputs and the numbers of their parameters."""
    if not model.built:
        raise ValueError("This model has not yet been built. Build the model first by calling `build()` or "
                         "calling `fit()` with some data, or specify an `input_shape` argument in the first "
                         "layer(s) for automatic build.")
    headings, rows = ["Layer (type)", "Output Shape", "Param #"], [_row(layer) for layer in model.layers]
    if _branches(model):
        headings.append("Connected to")
        for row, layer in zip(rows, model.layers, strict=True):
            row.append(_sources(model, layer))
    for line in _lines(model, headings, rows, line_length, positions):
        (print_fn or print)(line)


# ---- what a row says
def _row(layer):
    shape = str(_output_shape(layer))
    count = f"{_count(layer.weights):,}" if layer.built else "0 (unused)"
    return [[f"{layer.name} ({type(layer).__name__})"], [shape], [count]]


def _output_shape(layer):
    """The shape of a layer's output; "multiple" where it has several, or where it is not known."""
    try:
        return layer.output_shape
    except (AttributeError, RuntimeError, ValueError):
        return "multiple"


def _branches(model):
    """Whether it is a functional model that is no stack: then rows say where inputs come from."""
    graph = model._graph
    if graph is None:
        return False
    used = [(id(t._node), t._index) for node in graph.nodes for t in node.inputs]
    return len(set(used)) < len(used) or len(graph.nodes) > len(graph.layers) or \
        any(len(node.inputs) > 1 for node in graph.nodes)


def _sources(model, layer):
    """The inputs of a layer's calls: layer, number of its call, number of the output."""
    numbers, met = {}, {}
    for node in model._graph.nodes:
        numbers[id(node)] = met[node.layer] = met.get(node.layer, -1) + 1
    return [f"{t._node.layer.name}[{numbers[id(t._node)]}][{t._index}]"
            for node in model._graph.nodes if node.layer is layer for t in node.inputs] or [""]


def _count(weights):
    """The number of elements of variables, each counted once."""
    return sum({id(v): prod(v._data.shape) for v in weights}.values())


# ---- lines
def _lines(model, headings, rows, line_length, positions):
    wide = len(headings) == 4
    length = line_length or (98 if wide else 65)
    ends = _ends(positions or ((0.33, 0.55, 0.67, 1.0) if wide else (0.45, 0.85, 1.0)), length)
    yield f'Model: "{model.name}"'
    yield "_" * length
    yield _line(headings, ends)
    yield "=" * length
    for k, row in enumerate(rows):
        yield from _row_lines(row, ends)
        yield ("_" if k < len(rows) - 1 else "=") * length
    trainable, total = _count(model.trainable_weights), _count(model.weights)
    yield f"Total params: {total:,}"
    yield f"Trainable params: {trainable:,}"
    yield f"Non-trainable params: {total - trainable:,}"
    yield "_" * length


def _ends(positions, length):
    """Where columns end, in characters; positions up to 1 are shares of the line."""
    return [int(length * p) if p <= 1 else int(p) for p in positions]


def _row_lines(row, ends):
    """The lines of a row; a cell that lists more than one thing, or is too long, takes several."""
    widths = [end - start - 1 for start, end in zip([0, *ends], ends, strict=False)]
    cells = [[piece for text in cell for piece in _pieces(text, width)]
             for cell, width in zip(row, widths, strict=True)]
    for k in range(max(map(len, cells))):
        yield _line([cell[k] if k < len(cell) else "" for cell in cells], ends)


def _pieces(text, width):
    return [text[k:k + width] for k in range(0, len(text), width)] or [""]


def _line(cells, ends):
    line = ""
    for cell, end in zip(cells, ends, strict=True):
        line = f"{line}{cell}"[:end - 1].ljust(end)
    return line.rstrip()
