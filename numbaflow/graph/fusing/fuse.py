"""Groups of nodes become one kernel each: elementwise ops, reductions, what rows need of their reductions.

Nodes are taken in order; each joins the groups that make its inputs when all together are one kernel and no
path leads from a group through others back to it.
"""
import heapq

from numbaflow.graph import ir
from numbaflow.graph.fusing import check  # noqa: F401  (check: how checks are lowered)
from numbaflow.graph.fusing.codegen import Address, Scratch, in_place, instruction
from numbaflow.graph.fusing.decompose import decompose
from numbaflow.graph.fusing.group import Group, is_fusible
from numbaflow.graph.fusing.space import INDEX, REDUCTIONS, is_view

__all__ = ["Address", "Scratch", "fuse", "in_place", "instruction"]
_NEIGHBOURS = 4                 # groups of the same input that a reduction is tried with


def fuse(graph, raises=True):
    """Rewrite a graph in place: what can be one kernel is one node.  For `raises` see `decompose`."""
    decompose(graph, raises)
    graph.nodes = _in_order(graph, {n: k for k, n in enumerate(graph.nodes)})
    items = _Items(graph)
    for node in graph.nodes:
        if is_view(node) or (node.op is INDEX and not items.is_materialized(node)):
            continue
        if is_fusible(node):
            items.join(node)
        elif node.op is not ir.INPUT and node.op is not ir.CONSTANT:
            items.stand_alone(node)
    items.write()


class _Items:
    """The groups and lone nodes of a graph, and which of them lead to which."""

    def __init__(self, graph):
        self.graph, self._position = graph, {n: k for k, n in enumerate(graph.nodes)}
        self._effect = None                     # number of the last node that has an effect
        self._real = {}                         # value -> the nodes that take it, through views
        self._outside = set()                   # values that leave the graph
        self._item = {}                         # node -> number of its item
        self._groups, self._reach = [], []      # number -> a Group or a node; its ancestors, as bits
        outputs = set(graph.outputs)
        for node in graph.nodes:
            soft = is_view(node)
            for v in ([] if soft else node.inputs):
                self._real.setdefault(_source(v), []).append(node)
            for v in node.outputs:
                if v in outputs:
                    self._outside.add(_source(v))

    def is_materialized(self, node):
        """Whether an index is needed as an array."""
        v = node.outputs[0]
        return v in self._outside or any(not is_fusible(user) for user in self._real.get(v, ()))

    def _used(self, value, members):
        """Whether a value is needed outside of a group of these nodes."""
        return value in self._outside or any(user not in members for user in self._real.get(value, ()))

    def _sources(self, node):
        """The numbers of the items that make a node's inputs."""
        return self._sources_of(node.inputs)

    def _sources_of(self, values):
        found = []
        for v in values:
            k = self._item.get(_source(v).node)
            if k is not None and k not in found:
                found.append(k)
        return found

    def _new(self, thing, nodes, reach):
        self._groups.append(thing)
        self._reach.append(reach)
        for node in nodes:
            self._item[node] = len(self._groups) - 1

    def _ancestors(self, numbers):
        reach = 0
        for k in numbers:
            reach |= self._reach[k] | 1 << k
        return reach

    def stand_alone(self, node):
        """Leave a node as it is."""
        sources = self._sources(node)
        if node.has_effect:
            sources += [self._effect] if self._effect is not None else []
        self._new(node, [node], self._ancestors(sources))
        if node.has_effect:
            self._effect = len(self._groups) - 1

    def join(self, node):
        """Put a node into the groups that make its inputs, as many of them as make one kernel with it."""
        sources = self._sources(node)
        group, chosen = self._extended(node, sources)
        if group is None:
            group = Group([node], self._used)
        if not group.runs:
            self.stand_alone(node)
            return
        for k in sources[sources.index(*chosen) + 1 if chosen else 0:]:
            group, chosen = self._with(k, group, chosen, sources)
        # a sum of the same rows that the node needs by way of another value; one of the same elements
        late = [k for k in (self._sources_of(group.inputs) if chosen else ())
                if k not in sources and self._reduces(k)]
        if node.op.name in REDUCTIONS:
            late += self._neighbours(node, sources)
        for k in late:
            group, chosen = self._with(k, group, chosen, sources)
        if chosen:
            self._merge(chosen, group, sources)
        else:
            self._new(group, [node], self._ancestors(sources))

    def _extended(self, node, sources):
        """The first group that may take a node in, and its number, where that is simple."""
        k = next((k for k in sources if self._may_join([k], node, sources)), None)
        return (self._groups[k], [k]) if k is not None and self._groups[k].extend(node) else (None, [])

    def _with(self, k, group, chosen, sources):
        """A group and the numbers of those it is made of, after one more is tried."""
        if self._may_join([k, *chosen], group, sources):
            larger = Group(self._in_order([*self._groups[k].nodes, *group.nodes]), self._used)
            if larger.runs:
                return larger, [*chosen, k]
        return group, chosen

    def _may_join(self, numbers, other, sources):
        """Whether the first of these items may be one with a group or node, which is of the others."""
        group = self._groups[numbers[0]]
        return (isinstance(group, Group) and group.is_within_bounds(other)
                and not self._leads_around(numbers, sources))

    def _reduces(self, k):
        group = self._groups[k]
        return isinstance(group, Group) and any(n.op.name in REDUCTIONS for n in group.nodes)

    def _neighbours(self, node, sources):
        """The groups that take the input of a reduction, which comes from elsewhere."""
        found = []
        for user in self._real.get(_source(node.inputs[0]), ()):
            k = self._item.get(user)
            if k is not None and k not in sources and k not in found and isinstance(self._groups[k], Group):
                found.append(k)
        return found[-_NEIGHBOURS:]

    def _in_order(self, nodes):
        return sorted(nodes, key=self._position.get)

    def _leads_around(self, tried, sources):
        """Whether a path leaves these groups and comes back to them; `sources` make what is added to them."""
        mask, into = sum(1 << k for k in tried), list(sources)
        for k in tried if len(tried) > 1 else ():
            into += self._sources_of(self._groups[k].inputs)
        return any(self._reach[k] & mask for k in into if k not in tried)

    def _merge(self, chosen, group, sources):
        target, mask = chosen[0], sum(1 << k for k in chosen)
        reach = (self._ancestors(sources) | self._ancestors(chosen)) & ~mask
        for k in chosen[1:]:
            self._groups[k] = None
        self._groups[target], before, self._reach[target] = group, self._reach[target], reach
        for node in group.nodes if len(chosen) > 1 else group.nodes[-1:]:
            self._item[node] = target
        if len(chosen) == 1 and reach == before:
            return
        dead = mask & ~(1 << target)
        for k, old in enumerate(self._reach):
            if old & mask:
                self._reach[k] = (old & ~dead) | reach | 1 << target

    # ---- the new graph
    def write(self):
        """Put fused nodes in the place of groups, in an order that runs, and leave out what nobody needs."""
        graph, changed = self.graph, {}
        rank = dict(self._position)
        nodes = [n for n in graph.nodes if n not in self._item]
        for thing in self._groups:
            if isinstance(thing, Group):
                specs = [(v.shape, v.dtype) for v in thing.outputs]
                last = thing.nodes[-1]
                node = ir.Node(ir.FUSED, thing.inputs, {"kernel": thing.kernel()}, specs, None, last.where)
                changed.update(zip(thing.outputs, node.outputs, strict=True))
                rank[node] = self._position[last]
                nodes.append(node)
            elif thing is not None:
                nodes.append(thing)
        graph.nodes = nodes
        graph.replace(changed)
        graph.nodes = _in_order(graph, rank)


def _source(value):
    """The value behind views."""
    while is_view(value.node):
        value = value.node.inputs[0]
    return value


def _in_order(graph, rank):
    """The nodes that something needs, each after what it takes, else by rank."""
    needed, left = set(), [v.node for v in graph.outputs]
    left += [n for n in graph.nodes if n.op is ir.INPUT or n.has_effect]
    while left:
        node = left.pop()
        if node not in needed:
            needed.add(node)
            left += [v.node for v in node.inputs]
    waits, users = {}, {}
    effects = sorted([n for n in needed if n.has_effect], key=rank.get)
    before = dict(zip(effects[1:], effects, strict=False))
    for node in needed:
        makers = {v.node for v in node.inputs} | ({before[node]} if node in before else set())
        waits[node] = len(makers)
        for m in makers:
            users.setdefault(m, []).append(node)
    ready = [(rank[n], k, n) for k, n in enumerate(graph.nodes) if n in needed and not waits[n]]
    heapq.heapify(ready)
    found, k = [], len(graph.nodes)
    while ready:
        node = heapq.heappop(ready)[2]
        found.append(node)
        for user in users.get(node, ()):
            waits[user] -= 1
            if not waits[user]:
                k += 1
                heapq.heappush(ready, (rank[user], k, user))
    return found
