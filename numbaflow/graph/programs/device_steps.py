"""The steps of programs on a GPU: how a node of a graph runs on device arrays."""
import functools
from types import MappingProxyType

import numpy as np

from numbaflow.core import columns, table
from numbaflow.core.device import CPU, device
from numbaflow.core.placement import brought, device_arrays, wrapped
from numbaflow.graph import ir
from numbaflow.graph.programs.lower import host_function
from numbaflow.kernels.cuda import backend


class Step:
    """A node, and how it runs: `run(node, arrays)` gives the arrays of its outputs."""

    __slots__ = ("in_place", "last", "launches_only", "node", "run")

    def __init__(self, node, at):
        self.node, self.last, self.in_place = node, (), {}
        self.run = fused if node.op is ir.FUSED else _PRIMITIVES.get(node.op)
        self.launches_only = True
        if getattr(node.op, "on_tensors", None) is not None:
            self.run, self.launches_only = functools.partial(_on_tensors, at), False
        elif self.run is None:
            on_host = isinstance(node.op, ir.Primitive) or node.op.on_host
            self.run, self.launches_only = (_hosted if on_host else _op), not on_host


def fused(node, arrays, kept=MappingProxyType({})):
    from numbaflow.graph.fusing.cuda_codegen import View, launches
    made, view = device_arrays().empty, backend.current().strided
    outputs = [kept[k] if k in kept else made(v.shape, v.dtype) for k, v in enumerate(node.outputs)]
    scratch: dict = {}
    operands = [*arrays, *outputs]
    for launch in launches(node, arrays, outputs):
        given = []
        for a in launch.arguments:
            if not isinstance(a, View):
                given.append(a)
                continue
            if isinstance(a.array, int):
                array = operands[a.array]
            else:
                array = scratch.get(a.array)
                if array is None:
                    array = scratch[a.array] = made(a.array.shape, a.array.dtype)
            given.append(view(array, a.shape, a.strides))
        launch.function(launch.blocks, launch.threads, *given)
    return outputs


def _op(node, arrays):
    return columns.launched(node.op, node.grouped(arrays), node.attributes)


def _on_tensors(at, node, arrays):
    """A loop or a choice, whose parts are programs on this device."""
    found = node.op.on_tensors(node, [wrapped(a, at) for a in arrays])
    return [brought(t, at)._data for t in found]


def _hosted(node, arrays):
    """On the host, with copies."""
    found, at = backend.current(), backend.here.device
    given = [found.to_host(a) for a in arrays]
    with device(CPU):
        made = host_function(node)(node, given)
    found.enter(at)
    return [found.from_host(np.asarray(a)) for a in made]


def _product_and_sum(node, arrays):
    a, b, c = arrays
    product = columns.launched(table.OPS["matmul"], [a, b], node.attributes)
    return columns.launched(table.OPS["add"], [*product, c], {})


_PRIMITIVES = {ir.MATMUL_ADD: _product_and_sum}
