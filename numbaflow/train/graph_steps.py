"""Steps of optimizers in a graph: gradients of a tensor, and one operation that changes all variables."""
from numbaflow.core.tape import stack
from numbaflow.core.variable import Variable
from numbaflow.graph.mode.graph_elements import ASSIGN, GraphTensor
from numbaflow.graph.mode.static_gradients import gradients


def is_tensor(loss):
    """Whether a loss is a tensor of a graph."""
    return isinstance(loss, GraphTensor)


def elsewhere(loss):
    """Whether it is a tensor of a graph that is not the one of this context."""
    return isinstance(loss, GraphTensor) and stack.frame[2] is not loss.graph


def pairs(loss, var_list, grad_loss):
    """The list of (gradient, variable) of a loss; by default for the trainable variables of its graph."""
    with loss.graph.as_default():
        if var_list is None:
            variables = [v for v in loss.graph.variables if v.trainable]
        else:
            variables = var_list() if callable(var_list) else var_list
            variables = [variables] if isinstance(variables, Variable) else list(variables)
        if not variables:
            raise ValueError("No variables to optimize.")
        return list(zip(gradients(loss, variables, grad_loss), variables, strict=True))


def applied(optimizer, graph, name, apply, *args):
    """The operation that does all that apply(*args) does to variables."""
    before = graph.version
    apply(*args)
    graph.adopt([*optimizer.variables(), *[v for v in args if isinstance(v, Variable)]])
    return graph.group([graph.operation(n) for n in graph.graph.nodes[before:] if n.op is ASSIGN], name)
