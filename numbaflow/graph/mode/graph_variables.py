"""Variables of a graph: which there are, and the operations that initialize them."""
from numbaflow.core.scopes import group
from numbaflow.core.tape import stack
from numbaflow.graph.mode.graph_mode import get_default_graph


def _made():
    trace = stack.frame[2]
    return list(trace.variables) if trace is not None and trace.lasting else []


class GraphKeys:
    """Names of collections of a graph."""

    GLOBAL_VARIABLES, TRAINABLE_VARIABLES = "variables", "trainable_variables"
    GLOBAL_STEP, LOSSES, REGULARIZATION_LOSSES = "global_step", "losses", "regularization_losses"
    SUMMARIES, UPDATE_OPS = "summaries", "update_ops"


def add_to_collection(name, value):
    """Keep a value under a name in the default graph."""
    get_default_graph().add_to_collection(name, value)


def get_collection(key, scope=None):
    """What the default graph keeps under a name; its variables for the names of `GraphKeys`.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.mode.graph_mode import Graph
    >>> with Graph().as_default():
    ...     v = nf.Variable(1.0, name="v")
    ...     print([u.name for u in get_collection(GraphKeys.TRAINABLE_VARIABLES)])
    ['v:0']
    """
    return get_default_graph().get_collection(key, scope)


def global_variables(scope=None):
    """The variables of the default graph; none where execution is eager."""
    return [v for v in _made() if scope is None or v.name.startswith(scope)]


def trainable_variables(scope=None):
    """The variables of the default graph that are trained; none where execution is eager."""
    return [v for v in global_variables(scope) if v.trainable]


def variables_initializer(var_list, name="init"):
    """An operation that gives variables their first values; None where execution is eager."""
    return group(*[v.initializer for v in var_list if v.graph is not None], name=name)


def global_variables_initializer():
    """An operation that gives all variables of the default graph their first values.

    >>> import numbaflow as nf
    >>> from numbaflow.graph.mode.session import Session
    >>> with Session() as session:
    ...     v = nf.Variable([1.0, 2.0])
    ...     session.run(global_variables_initializer())
    ...     print(session.run(v.assign_add([1.0, 1.0])))
    [2. 3.]
    """
    return variables_initializer(_made())


def local_variables_initializer():
    """An operation that does nothing: there are no local variables."""
    return variables_initializer([])


initialize_all_variables, all_variables = global_variables_initializer, global_variables
