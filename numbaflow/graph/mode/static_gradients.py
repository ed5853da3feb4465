"""`gradients`: derivatives in a graph, taken when a session runs them and all shapes are known."""
from numbaflow.core import nest
from numbaflow.core.dtypes import DIFFERENTIABLE
from numbaflow.core.errors import InvalidArgumentError
from numbaflow.core.gradient_tape import UnconnectedGradients
from numbaflow.core.tape import stack, tracing
from numbaflow.core.tensor import Tensor, as_tensor
from numbaflow.graph import ir
from numbaflow.graph.mode.custom import CUSTOM
from numbaflow.graph.mode.graph_elements import DEFAULT, READ, GraphTensor
from numbaflow.graph.mode.steps import GRADIENTS
from numbaflow.graph.mode.waiting import WAITING


def gradients(ys, xs, grad_ys=None, name="gradients", colocate_gradients_with_ops=False, gate_gradients=False,
              aggregation_method=None, stop_gradients=None, unconnected_gradients=UnconnectedGradients.NONE):
    """The gradients of the sum of all ys with respect to each x, in a graph.

    Args:
        ys: a tensor or a list of tensors.
        xs: a tensor or a variable, or a list of them.
        grad_ys: a gradient for each y, by which it is weighted; None for ones.
        stop_gradients: tensors through which no gradient goes.
        unconnected_gradients: "none" gives None for an x on which no y depends, "zero" zeros.

    Returns:
        A list of tensors, one for each x; None where no y depends on it.

    Raises:
        RuntimeError: outside of a graph; use nf.GradientTape.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.mode.graph_mode import Graph
    >>> from numbaflow.graph.mode.session import Session
    >>> with Graph().as_default(), Session() as session:
    ...     x = nf.constant(3.0)
    ...     print(session.run(gradients(x * x, x)))
    [np.float32(6.0)]
    """
    targets = nest.flatten(ys) if nest.is_nested(ys) else [ys]
    sources = nest.flatten(xs) if nest.is_nested(xs) else [xs]
    graph = stack.frame[2]
    if graph is None:
        graph = next((t.graph for t in (*targets, *sources) if isinstance(t, GraphTensor)), None)
    if graph is None or not graph.lasting:
        raise RuntimeError("tf.gradients is not supported when eager execution is enabled. Use "
                           "tf.GradientTape instead.")
    rule = UnconnectedGradients(unconnected_gradients)
    seeds = [None] * len(targets) if grad_ys is None else nest.flatten([grad_ys])
    if len(seeds) != len(targets):
        raise ValueError(f"Passed {len(seeds)} grad_ys for {len(targets)} ys")
    with tracing(graph):
        stop = [_value(graph, t) for t in nest.flatten([] if stop_gradients is None else [stop_gradients])]
        return _written(graph, name, [as_tensor(y) for y in targets], sources, seeds, stop, rule)


def _written(graph, name, targets, sources, seeds, stop, rule):
    values = [graph.value(t) for t in targets]
    keys = [_value(graph, x) for x in sources]
    reaching = _reaching(graph, values)
    read = {v.node.attributes["variable"] for v in reaching if v.node.op is READ}
    served = [k for k, key in enumerate(keys) if key in (reaching if isinstance(key, ir.Value) else read)]
    found = [None] * len(sources)
    if served:
        given = [as_tensor(g) for g in seeds if g is not None]
        for y, g in zip(targets, seeds, strict=True):
            if g is not None and as_tensor(g)._dtype != y._dtype:
                raise InvalidArgumentError(f"gradients: a {as_tensor(g)._dtype} gradient for {y}")
        wanted = [keys[k] for k in served]
        attributes = {"sources": wanted, "targets": len(values), "stop": stop, "name": name,
                      "seeded": [g is not None for g in seeds]}
        # (what the sources are is run before, also where it is not on the way)
        made = graph.primitive(GRADIENTS, [*targets, *given], attributes,
                               [(sources[k]._data.shape, sources[k]._data.dtype) for k in served])
        graph.attribute_values[made[0].op.node] = [key for key in wanted if isinstance(key, ir.Value)]
        for k, d in zip(served, made, strict=True):
            found[k] = d
    if rule is UnconnectedGradients.ZERO:
        found = [as_tensor(x) * 0 if d is None else d for x, d in zip(sources, found, strict=True)]
    return found


def _value(graph, x):
    """The value of a tensor, or the variable."""
    return graph.value(x) if isinstance(x, Tensor) else x


def _reaching(graph, values):
    """All values from which gradients of some come back."""
    reached = {v for v in values if v.dtype in DIFFERENTIABLE}
    for node in reversed(graph.graph.nodes):
        if any(v in reached for v in node.outputs):
            reached.update(v for v, flows in zip(node.inputs, _flows(node), strict=True)
                           if flows and v.dtype in DIFFERENTIABLE)
    return reached


def _flows(node):
    """For each input of a node whether a gradient comes back to it."""
    op, count = node.op, len(node.inputs)
    if op is CUSTOM:
        given = node.attributes["gradients"]
        return [*[False] * (count - len(given)), *[v is not None for v in given]]
    if isinstance(op, ir.Primitive):
        return [op in (DEFAULT, GRADIENTS, WAITING) or getattr(op, "gradient", None) is not None] * count
    ruled = {x for key, rule in (op.rules or {}).items() if rule is not None
             for x in (key if isinstance(key, tuple) else (key,))}
    sizes = [1 if size is None else size for size in node.sizes or [None] * count]
    return [x in ruled for x, size in zip(op.inputs, sizes, strict=True) for _ in range(size)]
