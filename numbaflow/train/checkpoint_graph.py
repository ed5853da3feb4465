"""The graph of objects below a root, and its writing: nodes of plain data beside tensors by name.

A node says its children (local name -> node), its attributes (name -> tensor) and, for an optimizer, its
slots (node of the variable, slot name, node of the slot).  A tensor is named by the shortest path to its
object.
"""
import contextlib
from collections import deque
from typing import NamedTuple

from .checkpoint_file import write_file


class Graph(NamedTuple):
    """The objects below a root, breadth first, slots last; lists run in parallel."""

    objects: list               # the root first
    children: list              # of each object: local name -> index
    slots: list                 # of each object: (index of the variable, slot name, index of the slot)
    paths: list                 # of each object: the escaped names from the root to it


def graph_of(root):
    """The Graph of what can be reached from a root; slots are there whose variables are."""
    graph = Graph([root], [], [], [()])
    indices, waiting = {id(root): 0}, deque([root])
    while waiting:
        found, path = waiting.popleft(), graph.paths[len(graph.children)]
        named = found._children()
        for name, child in named.items():
            if id(child) not in indices:
                indices[id(child)] = len(graph.objects)
                graph.objects.append(child)
                graph.paths.append((*path, escaped(name)))
                waiting.append(child)
        graph.children.append({name: indices[id(child)] for name, child in named.items()})
    for index in range(len(graph.objects)):
        graph.slots.append(_slots_of(index, graph, indices))
    added = len(graph.objects) - len(graph.children)
    graph.children.extend({} for _ in range(added))
    graph.slots.extend([] for _ in range(added))
    return graph


def _slots_of(owner, graph, indices):
    """The slots that an object keeps for variables of the graph, which are added to the objects."""
    made = []
    for variable, name, slot in graph.objects[owner]._slot_variables():
        at = indices.get(id(variable))
        if at is None:
            continue
        if id(slot) not in indices:
            indices[id(slot)] = len(graph.objects)
            graph.objects.append(slot)
            graph.paths.append((*graph.paths[at], ".OPTIMIZER_SLOT", *graph.paths[owner],
                                escaped(name)))
        made.append((at, name, indices[id(slot)]))
    return made


def escaped(name):
    """A local name as it stands in a tensor's name: "." doubled, "/" as ".S".

    >>> escaped("a/b.c")
    'a.Sb..c'
    """
    return name.replace(".", "..").replace("/", ".S")


def write(root, prefix):
    """Write the state of a root and all below it to the checkpoint file of `prefix`, and return the prefix.

    Raises:
        TypeError: a value that can't be saved.
        OSError: the file can't be written; an earlier one of that name is as it was.
    """
    nodes, tensors = nodes_and_tensors(graph_of(root))
    write_file(prefix, tensors, nodes)
    return prefix


def nodes_and_tensors(graph):
    """(nodes, tensor name -> value) of a graph."""
    locks = {slot: graph.objects[variable]._lock for of_one in graph.slots for variable, _, slot in of_one}
    nodes, tensors = [], {}
    for index, found in enumerate(graph.objects):
        with locks.get(index, contextlib.nullcontext()):    # a step writes slots under the variable's lock
            values = found._saved_values()
        keys = {name: "/".join([*graph.paths[index], ".ATTRIBUTES", escaped(name)]) for name in values}
        tensors.update({keys[name]: value for name, value in values.items()})
        nodes.append({"children": graph.children[index], "attributes": keys, "slots": graph.slots[index]})
    return nodes, tensors
