"""What a graph knows of its elements: operations by node and name, tensors by value, collections."""
from numbaflow.core import scopes
from numbaflow.core.abstract import Traced
from numbaflow.core.dim import numbers
from numbaflow.core.shape import UNKNOWN
from numbaflow.graph import ir
from numbaflow.graph.mode.graph_elements import ASSIGN, READ, GraphTensor, Operation, element


class Elements:
    """The names of a graph's nodes and values, and what nodes wait for or use besides their inputs."""

    variables: list

    def __init__(self):
        self.names, self.controls = {}, {}          # name -> Operation; node -> nodes that run before it
        self.attribute_values = {}                  # node -> values among its attributes
        self.effects = {}                           # node -> nodes that run whenever it does
        self._operations, self._tensors, self._used, self._collections = {}, {}, {}, {}
        self._homes = {}                            # number of an unknown extent -> the value that has it
        self._before, self._wanted = [], (None, None)

    # ---- elements
    def tensor(self, value):
        """The tensor of a value."""
        found = self._tensors.get(value)
        if found is None:
            found = self._tensors[value] = GraphTensor(self, value)
        return found

    def operation(self, node):
        """The operation of a node."""
        return self._operations[node]

    def get_operations(self):
        """All operations, in the order they were made."""
        return list(self._operations.values())

    def get_operation_by_name(self, name):
        """The operation of that name; KeyError when there is none."""
        found = element(self, name)
        if not isinstance(found, Operation):
            raise ValueError(f"The name {name!r} refers to a Tensor, not an Operation.")
        return found

    def get_tensor_by_name(self, name):
        """The tensor of a name such as "x:0"; KeyError when there is none."""
        if not isinstance(name, str):
            raise TypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        return element(self, name, operations=False)

    def as_graph_element(self, obj, allow_tensor=True, allow_operation=True):
        """The tensor or operation that is given, or has the name that is given."""
        found = element(self, obj, operations=allow_operation)
        if not allow_tensor and not isinstance(found, Operation):
            raise TypeError(f"Can not convert a {type(obj).__name__} into a Operation.")
        return found

    # ---- collections
    def add_to_collection(self, name, value):
        """Keep a value under a name."""
        self._collections.setdefault(name, []).append(value)

    def get_collection(self, name, scope=None):
        """What is kept under a name; "variables" and "trainable_variables" are the variables."""
        if name in ("variables", "trainable_variables"):
            return [v for v in self.variables if name == "variables" or v.trainable]
        return list(self._collections.get(name, ()))

    # ---- names
    def added(self, node):
        """Give a new node its name and what must run before it."""
        op, name = self._wanted
        if node.op is not op or not isinstance(name, str) or not name:
            name = node.attributes.get("name") if isinstance(node.op, ir.Primitive) else None
            variable = node.attributes.get("variable")
            if variable is not None and node.op in (READ, ASSIGN):
                name = f"{variable._name}/{node.op.name.capitalize()}"
            name = name or ("Const" if node.op is ir.CONSTANT else node.op.name)
        prefix = "" if name.startswith(f"{scopes.current()}") else scopes.current()
        unique = self.unique_name(prefix + name)
        self.names[unique] = self._operations[node] = Operation(self, node, unique)
        before = [n for context in self._before for n in context if n is not node]
        if before:
            self.controls[node] = before
        found = [t._value for t in traced_in(node.attributes)]
        shapes = [v.shape for v in node.outputs if v.shape is not UNKNOWN]
        extents = numbers([node.attributes, shapes if node.op is ir.CONSTANT else None])
        found += [self._homes[k] for k in extents if k in self._homes]
        if found:
            self.attribute_values[node] = found
        for v in node.outputs:
            self.note_extents(v)

    def note_extents(self, value):
        """Remember of which value an unknown extent is, so that it is run for who uses the extent."""
        if value.shape is not UNKNOWN:
            for k in numbers(value.shape) - self._homes.keys():
                self._homes[k] = value

    def unique_name(self, name, mark_as_used=True):
        """The name, with a number behind it when it is taken."""
        count, unique = self._used.get(name, 0), name
        while unique in self._used:
            unique, count = f"{name}_{count}", count + 1
        if mark_as_used:
            self._used[name] = max(count, 1)
            self._used.setdefault(unique, 1)
        return unique

    variable_name = unique_name

    def name_scope(self, name):
        """A context in which names get a prefix."""
        return scopes.name_scope(name)


def traced_in(value):
    """The traced tensors in an attribute's value."""
    if isinstance(value, Traced):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for part in (value.values() if isinstance(value, dict) else value):
            yield from traced_in(part)
    elif type(value) is slice:
        yield from traced_in((value.start, value.stop, value.step))
